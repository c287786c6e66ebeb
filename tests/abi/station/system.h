/* What the test station asks of the operating system, and how it says that something is wrong. */
#ifndef STATION_SYSTEM_H
#define STATION_SYSTEM_H

#include <stdint.h>

#ifdef _WIN32
#include <winsock2.h>
/* After winsock2.h, which windows.h would bring an older one of. */
#include <windows.h>
typedef HANDLE thread_id;
#define THREAD_RESULT DWORD WINAPI
typedef DWORD(WINAPI *thread_function)(void *);
#else
#include <pthread.h>
typedef pthread_t thread_id;
#define THREAD_RESULT void *
typedef void *(*thread_function)(void *);
#endif

#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __FILE__, __LINE__))

/* Prints it and ends the program. */
void fail(const char *condition, const char *file, int line);

thread_id start_thread(thread_function run, void *argument);
void join_thread(thread_id thread);
void sleep_ms(int ms);
int64_t clock_us(void);

/* Waits as the library waits: for a socket, on which nothing comes.  Under Wine that goes through its server. */
void open_quiet_socket(void);
void wait_for_quiet_socket(int ms);

/* What a leak would make grow: handles (file descriptors), and memory that is this process's alone. */
int open_handles(void);
int64_t private_bytes(void);

/* Starts this program again as `PROGRAM sleep MS`, so that it inherits whatever can be inherited. */
void start_child(const char *program, int ms);

/* Lets every floating-point error raise an exception, as Delphi's runtime does; and back again. */
void unmask_float_exceptions(void);
void mask_float_exceptions(void);

#endif
