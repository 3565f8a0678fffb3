/* The properties, in the order in which they are tried: the first one leaves the reference for others. */
#pragma once
#include "tests/property/scene.h"

enum { PROPERTIES = 6 };
struct property {
	const char *name;
	/* NULL: it holds; else the words of how it does not. */
	const char *(*holds)(struct scene *, struct totals *);
};
extern const struct property properties[PROPERTIES];
