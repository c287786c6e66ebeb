#ifndef _WIN32
#define _GNU_SOURCE /* feenableexcept */
#endif

#include "system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define PSAPI_VERSION 2 /* in kernel32, which is there */
#define HANDLES_END 16384 /* beyond any that a test station is given */
#include <psapi.h>
#else
#include <dirent.h>
#include <fenv.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#endif

void fail(const char *condition, const char *file, int line)
{
	printf("%s:%d: %s\n", file, line, condition);
	fflush(stdout);
	_Exit(1);
}

static int64_t quiet_socket;

void open_quiet_socket(void)
{
#ifdef _WIN32
	WSADATA unused;

	CHECK(WSAStartup(MAKEWORD(2, 2), &unused) == 0);
#endif
	quiet_socket = (int64_t)socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(quiet_socket >= 0);
}

void wait_for_quiet_socket(int ms)
{
	struct timeval timeout = {0, ms * 1000};
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(quiet_socket, &readable);
	CHECK(select((int)quiet_socket + 1, &readable, NULL, NULL, &timeout) == 0);
}

#ifdef _WIN32

thread_id start_thread(thread_function run, void *argument)
{
	return CreateThread(NULL, 0, run, argument, 0, NULL);
}

void join_thread(thread_id thread)
{
	WaitForSingleObject(thread, INFINITE);
	CloseHandle(thread);
}

void sleep_ms(int ms)
{
	Sleep((DWORD)ms);
}

int64_t clock_us(void)
{
	LARGE_INTEGER now, per_second;

	QueryPerformanceFrequency(&per_second);
	QueryPerformanceCounter(&now);
	return now.QuadPart / per_second.QuadPart * 1000000 +
	       now.QuadPart % per_second.QuadPart * 1000000 / per_second.QuadPart;
}

/* One by one: the GetProcessHandleCount() of Wine 8 says 0 of every process. */
int open_handles(void)
{
	uintptr_t handle;
	DWORD flags;
	int count = 0;

	for (handle = 4; handle < HANDLES_END; handle += 4)
		count += GetHandleInformation((HANDLE)handle, &flags) != 0;
	CHECK(count > 0);
	return count;
}

int64_t private_bytes(void)
{
	PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof counters};

	CHECK(GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters));
	/* What PrivateUsage is too; Wine 8 fills in this one only. */
	CHECK(counters.PagefileUsage > 0);
	return (int64_t)counters.PagefileUsage;
}

void start_child(const char *program, int ms)
{
	STARTUPINFOA startup = {.cb = sizeof startup};
	PROCESS_INFORMATION child;
	char command[1024];

	snprintf(command, sizeof command, "\"%s\" sleep %d", program, ms);
	CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child));
	CloseHandle(child.hThread);
	CloseHandle(child.hProcess);
}

/* All exceptions of x87 and SSE. */
void unmask_float_exceptions(void)
{
	unsigned short word = 0x1332;
	unsigned state;

	__asm__ volatile("fnclex; fldcw %0" : : "m"(word));
	__asm__ volatile("stmxcsr %0" : "=m"(state));
	state = (state & ~0x1f80u) & ~0x3fu;
	__asm__ volatile("ldmxcsr %0" : : "m"(state));
}

void mask_float_exceptions(void)
{
	__asm__ volatile("fninit");
}

#else

thread_id start_thread(thread_function run, void *argument)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, run, argument) == 0);
	return thread;
}

void join_thread(thread_id thread)
{
	pthread_join(thread, NULL);
}

void sleep_ms(int ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

int64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int open_handles(void)
{
	DIR *open_files = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(open_files) != NULL)
		count++;
	closedir(open_files);
	return count;
}

int64_t private_bytes(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	long kib = -1;
	char line[256];

	CHECK(status != NULL);
	while (kib < 0 && fgets(line, sizeof line, status) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = atol(line + 8);
	fclose(status);
	CHECK(kib >= 0);
	return (int64_t)kib * 1024;
}

void start_child(const char *program, int ms)
{
	char text[16];

	snprintf(text, sizeof text, "%d", ms);
	if (fork() == 0) {
		execl(program, program, "sleep", text, (char *)NULL);
		_exit(1);
	}
}

void unmask_float_exceptions(void)
{
	feclearexcept(FE_ALL_EXCEPT);
	feenableexcept(FE_ALL_EXCEPT);
}

void mask_float_exceptions(void)
{
	fedisableexcept(FE_ALL_EXCEPT);
}

#endif
