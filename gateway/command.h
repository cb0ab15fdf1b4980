/* The gateway's subcommands: one file each, one row each in main.c. */
#ifndef SEK_GATEWAY_COMMAND_H
#define SEK_GATEWAY_COMMAND_H

/* ARGV[0] is the subcommand's name. Returns the exit status. */
int gateway_replay(int argc, char **argv);
int gateway_rules(int argc, char **argv);
int gateway_run(int argc, char **argv);
int gateway_enrol(int argc, char **argv);
int gateway_status(int argc, char **argv);

#endif
