/* Random manifests from the field tables: every row that can be set is set sometimes, with values that its
 * shape, range, choices and format allow. A value is a function of the recipe and of its place in the tree,
 * so that two recipes that differ in `variation` give manifests that differ in about `rate` percent of the
 * places, and leaving an object out changes no other. */
#pragma once
#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>

enum {
	GENERATED_DOMAINS = 4,
	GENERATED_VOLUMES = 3,
	GENERATED_IMAGES = 2,
	GENERATED_OBJECTS = 9,
	GENERATED_CLASSES = 9
};

struct recipe {
	uint64_t seed, variation;
	unsigned rate;    /* percent of the places that follow `variation` */
	unsigned among;   /* 0: all places; else only those whose key falls into this of GENERATED_CLASSES */
	uint32_t dropped; /* bits: domains, volumes, images that are left out */
	char prefix;      /* first letter of the names of domains: who else has manifests takes another */
};

/* YAML documents, appended. What the loader refuses is up to the caller to throw away. */
void generate_manifests(const struct recipe *, struct buffer *out);

/* splitmix64 of a number; the stream of a seed is random_of(seed + n). */
uint64_t random_of(uint64_t);
