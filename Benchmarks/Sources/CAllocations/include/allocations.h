#pragma once
#include <stdint.h>

// Every allocation of this process, of the Swift runtime included, since the last call.
uint64_t allocations_since_last(void);

// The bytes that are handed out now.
uint64_t allocations_bytes_in_use(void);
