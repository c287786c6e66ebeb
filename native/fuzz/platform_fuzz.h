/*
 * The operating system of the fuzz targets: the network is the input, and time passes only when
 * somebody waits.
 */
#ifndef PCK_PLATFORM_FUZZ_H
#define PCK_PLATFORM_FUZZ_H

#include "platform.h"
#include "fuzz.h"

/*
 * What the input says, one operation after the other; both servers share it.  A byte below
 * FUZZ_DATA is an operation, any other one is followed by (byte - FUZZ_DATA) * 2 + 1 bytes that come in.
 */
#define FUZZ_NOTHING    0 /* nothing comes in just now                  */
#define FUZZ_CLOSED     1 /* the server closes                          */
#define FUZZ_LOST       2 /* the connection is lost, or refused         */
#define FUZZ_TIME       3 /* FUZZ_TIME_US pass                          */
#define FUZZ_CANCEL     4 /* the caller cancels                         */
#define FUZZ_FULL       5 /* the socket takes nothing just now          */
#define FUZZ_DATA       8

#define FUZZ_TIME_US (20 * 1000)

/* Begins a run.  `send_max` bytes are taken at once; `cancel` is called by FUZZ_CANCEL. */
void fuzz_platform_start(struct fuzz_input *input, size_t send_max, void (*cancel)(void));
/* Sockets and pipes that are open. */
int fuzz_platform_open(void);

/* For the target behind TLS: the one file there is, the date in seconds since 1970, and where to write what is sent. */
void fuzz_platform_file(const uint8_t *data, size_t len);
void fuzz_platform_date(int64_t seconds);
void fuzz_platform_log(FILE *file);

#endif
