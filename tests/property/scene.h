/* A scene: one case, set up. Which host stands there and what is wanted of it follow from a seed; everything
 * that is looked at and everything that must hold works on this. */
#pragma once
#include "tests/property/generate.h"
#include "tests/property/machine.h"

struct instance {
	uint64_t seed;
	uint32_t dropped_before, dropped; /* of what was there, of what is wanted */
};

/* One case, set up. */
struct scene {
	struct machine *machine;
	struct arena *arena;
	uint64_t seed;
	const char *text; /* of the manifests */
	struct want *want;
	struct recipe recipe; /* that they follow from */
	struct moment start;
	const char *foreign;   /* at the start, and ever after */
	const char *reference; /* where an undisturbed apply ends */
	uint64_t draws;
	bool blocked; /* something that is wanted cannot be had */
};

/* Of all cases. */
struct totals {
	unsigned passed, failed, discarded, blocked;
	uint64_t histories; /* from a start, through whatever happens, to an end that was looked at */
	uint64_t applies, actions, cuts;
};

/* The next random number of the scene, below `count`. */
unsigned pick(struct scene *, unsigned count);
/* The words of a failure, in the arena of the scene. */
const char *fail(struct scene *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Of the machine as it is now: see machine_describe. */
const char *described(struct scene *, bool foreign);
/* Whatever is wanted may be done, with consent. */
struct applying everything(const struct scene *);

/* False: the loader does not take these manifests. The machine stands at the scene's start. */
bool scene_make(struct scene *, struct machine *, const struct instance *);
void scene_drop(struct scene *);
/* Guests power off, reboot, crash, or are destroyed by hand; then time passes. */
void scene_poke(struct scene *);
/* The manifests of the scene, or with a recipe others of the same objects. NULL: the loader does not take
 * them. */
struct want *scene_want(struct scene *, const struct recipe *);
#define SCENE_SCOPED __attribute__((cleanup(scene_drop))) struct scene
