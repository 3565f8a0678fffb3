/* The differential test: a script of steps is played on a host, real Xen or simulated, and what came of each
 * step is printed: how it ended, and which facts of the observation are other than before. Two hosts that
 * behave alike print the same. Steps are single actions, as a plan would begin them, and things that people
 * and guests do without us; hosts differ only in how the latter are done (hand_xen.c, hand_sim.c). */
#pragma once
#include "host/host.h"
#include "storage/storage.h"
#include "want/load.h"

struct play;

/* What happens without us. Each waits until it can be seen; false where it could not be done. */
struct hand {
	bool (*pause)(struct play *, const char *xen_name);
	bool (*poweroff)(struct play *, const char *xen_name); /* the guest does, as do the next two */
	bool (*reboot)(struct play *, const char *xen_name);
	bool (*crash)(struct play *, const char *xen_name);
	bool (*destroy)(struct play *, const char *xen_name);
	bool (*rename)(struct play *, const char *xen_name, const char *other);
	bool (*unmonitor)(struct play *, const char *xen_name); /* xl's monitor of it is killed */
	bool (*boot)(struct play *, const char *xen_name);      /* wait until its kernel hears */
	/* Begins an action and kills all that acts when its effect has begun to show. False: it ended before.
	 */
	bool (*halfway)(struct play *, const struct action *);
	void (*wait)(struct play *, int64_t ms);
};
extern const struct hand hand_xen, hand_sim;

/* A file of the folder of manifests, loaded by itself: definitions may contradict each other. */
struct definition {
	const char *name;
	struct want *want;
	struct wanted_domain *domain;
};

struct play {
	struct arena *arena;
	struct report *report;
	const struct host_driver *driver;
	const struct hand *hand;
	const char *folder; /* manifests/ and host.json */
	char work[64];      /* everything that is written: host.json, state/, run/ */
	struct HostSpec *settings;
	struct host_options options;
	struct runner *runner;
	struct host *host;
	struct storage *storage;
	struct links links;
	struct list definitions;
	struct have *have; /* the newest observation */
	uint32_t id;       /* of the newest action */
};

/* play.c. Says why and ends the program. */
void play_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
struct definition *play_definition(struct play *, const char *name);
void play_open(struct play *);
void play_close(struct play *);
/* Looks anew: play->have. */
void play_observe(struct play *);
/* Looks until the domain of that name is as said ("absent", "half-built", or a word of found_power); false:
 * never. */
bool play_await(struct play *, const char *xen_name, const char *state);
int64_t play_domid(const struct play *, const char *xen_name); /* as last observed; -1 */
/* Runs an action to its end. */
struct finished play_action(struct play *, struct action *);

/* step.c: one line of a script. How it ended: "done", "transient", "terminal"; or "no", where something by
 * hand could not be done. *message: what was said, which is not compared. */
const char *step_play(struct play *, const char *const *words, unsigned count, const char **message);

/* facts.c: an observation as lines "PATH = VALUE", sorted, without what differs between any two runs. */
struct list facts_of(struct arena *, struct play *);
/* Prints what is other than before. */
void facts_print(const struct list *before, const struct list *now);
