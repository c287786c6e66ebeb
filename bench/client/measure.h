/* What the programs of this folder share: durations, processor time, memory, and one line of JSON about them. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* As in the figures that the project began with (docs/reference/performance.md). */
#define DOCUMENT_BYTES 1500
#define ANSWER_BYTES 1024
#define WARM_UP_CALLS 200

static inline void require(int condition, const char *what)
{
	if (condition)
		return;
	(void)fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static inline int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Of this process, user and system. */
static inline int64_t cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
	       usage.ru_stime.tv_usec;
}

/* Memory in use at most so far, in KiB.  Of getrusage() one inherits the parent's. */
static inline long resident_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	while (status != NULL && kib < 0 && fgets(line, sizeof line, status) != NULL)
		(void)sscanf(line, "VmHWM: %ld", &kib);
	require(status != NULL && kib > 0 && fclose(status) == 0, "cannot tell the memory in use");
	return kib;
}

static inline int compare_ns(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

/* The smallest sample that covers so many thousandths, in microseconds. */
static inline double quantile_us(const int64_t *sorted, int count, int thousandths)
{
	return (double)sorted[(count * thousandths + 999) / 1000 - 1] / 1000.0;
}

static inline void report(int64_t *samples, int count, int64_t used_cpu_us, long resident)
{
	qsort(samples, (size_t)count, sizeof *samples, compare_ns);
	(void)printf("{\"count\": %d, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"max\": %.2f, \"cpu_us\": %.2f, "
	             "\"resident_kib\": %ld}\n",
	             count, quantile_us(samples, count, 500), quantile_us(samples, count, 900),
	             quantile_us(samples, count, 990), quantile_us(samples, count, 1000), (double)used_cpu_us / count,
	             resident);
}

#endif
