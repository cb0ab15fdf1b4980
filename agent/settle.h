/* Gives memory back after bursts of work (start, a new bundle, an inventory): free heap pages, and
 * the pages of program and library code, which were needed for that work only. Code that runs again
 * is mapped again from the page cache without reading the disk. */
#ifndef SEK_AGENT_SETTLE_H
#define SEK_AGENT_SETTLE_H

void sek_settle(void);

#endif
