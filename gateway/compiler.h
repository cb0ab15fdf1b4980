/* A thread that compiles rules, so that packets go on meanwhile. It is started before the process gives
 * up the right to start threads, and has one job at a time. */
#ifndef SEK_GATEWAY_COMPILER_H
#define SEK_GATEWAY_COMPILER_H

#include "lib/base/error.h"

struct compiler;

enum sek_error compiler_open(struct compiler **out, struct sek_fault *fault);
void compiler_close(struct compiler *c);
/* Run JOB(ARG) in the thread. Until it is done, WAIT(WAIT_ARG, FD) is called again and again; FD becomes
 * readable when the job is done. */
void compiler_run(struct compiler *c, void (*job)(void *arg), void *arg,
                  void (*wait)(void *arg, int fd), void *wait_arg);

#endif
