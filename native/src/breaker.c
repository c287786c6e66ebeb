#include "breaker.h"

#define US_PER_MS 1000

enum pck_breaker_state pck_breaker_state(const struct pck_breaker *breaker, int64_t now_us)
{
	if (breaker->open_us == 0)
		return PCK_BREAKER_CLOSED;
	return now_us < breaker->until_us ? PCK_BREAKER_OPEN : PCK_BREAKER_HALF_OPEN;
}

void pck_breaker_failed(struct pck_breaker *breaker, int64_t now_us)
{
	switch (pck_breaker_state(breaker, now_us)) {
	case PCK_BREAKER_OPEN:
		return;
	case PCK_BREAKER_CLOSED:
		breaker->open_us = (int64_t)PCK_BREAKER_OPEN_MS_FIRST * US_PER_MS;
		break;
	case PCK_BREAKER_HALF_OPEN:
		breaker->open_us *= 2;
		if (breaker->open_us > (int64_t)PCK_BREAKER_OPEN_MS_MAX * US_PER_MS)
			breaker->open_us = (int64_t)PCK_BREAKER_OPEN_MS_MAX * US_PER_MS;
		break;
	}
	breaker->until_us = now_us + breaker->open_us;
}

void pck_breaker_answered(struct pck_breaker *breaker)
{
	breaker->open_us = 0;
}
