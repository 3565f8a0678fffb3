/* Effects that depend on what is there: the BY(...) column of the tables. Pure. */
#pragma once
#include "model/schema.h"

enum level effect_memory(const struct circumstances *);
enum level effect_vcpus(const struct circumstances *);
enum level effect_disk(const struct circumstances *);
enum level effect_nic(const struct circumstances *);
/* Taking a faulty device away and giving it again: live where the guest does not have it. */
enum level effect_fault(enum fault, bool connected);
enum level effect_grow(const struct circumstances *);
enum level effect_base(const struct circumstances *);
enum level effect_chain(const struct circumstances *);

/* The effect of changing a field: its own, or what its function says. */
enum level field_effect(const struct field *, const struct circumstances *);
