/* The host: what every driver is. A driver is one static struct at the end of its file. Time is the driver's:
 * `now` and `reap` of xen go by the monotonic clock and wait for children, those of the simulator by its own
 * clock, so execute knows neither threads nor time. */
#pragma once
#include "base/run.h"
#include "model/action.h"

struct host_options {
	const char *target; /* what follows "sim:" or "snapshot:"; NULL for xen */
	const char *owner;
	const char *state_dir; /* absolute; NULL: the driver's default */
	const char *run_dir;
	const struct HostSpec *spec; /* the host's settings, all defaults filled in */
	bool writes;                 /* the caller means to act: a snapshot refuses */
	bool supervises;             /* the caller stays and restarts guests itself */
	struct runner *runner;       /* children of xen and of real storage live here */
};

struct storage;

struct host {
	const struct host_driver *driver;
	/* the driver's own struct begins with this one */
};

struct host_driver {
	const char *name;
	/* NULL on failure, with diagnostics. */
	struct host *(*open)(const struct host_options *, struct report *);
	/* Finds domains and facts of the host. Names and paths that WANT mentions (may be NULL) are looked up
	 * into have->found->files. A failure is not an error of the caller: have->known is false and
	 * why_unknown says why. What is found may be the host's own, shared by all its observations: it lives
	 * until `close`. The caller sorts. */
	void (*observe)(struct host *, const struct want *, struct have *);
	/* A descriptor that becomes readable when something may have changed, or -1; to be asked for before
	 * the first observation, and again after each, because it may be another one by then. It is a hint
	 * only: a host whose connection died wakes nobody before the next observation. `drain` empties it.
	 * False: nothing has changed. True: the domains whose uuids it added to `changed` may have; where it
	 * added none, anything may. */
	int (*watch)(struct host *);
	bool (*drain)(struct host *, struct arena *, struct list *changed);
	/* Starts an action; what it needs of `action` and `links` is copied or outlives the action. Every
	 * begun action is reaped exactly once, also one that fails at once. */
	void (*begin)(struct host *, const struct action *, const struct links *);
	/* Waits until an action of this driver ends (true, *done filled) or until `until` (ms by `now`) has
	 * passed or a child of the runner that is not its own has ended (false). */
	bool (*reap)(struct host *, int64_t until, struct finished *done);
	int64_t (*now)(struct host *); /* ms */
	/* A domain of ours is gone, and so is its record in a moment: what else the host keeps of it (a mark,
	 * a configuration) goes. False if something of that is left, with errno. NULL: it keeps nothing. */
	bool (*forget)(struct host *, const char *uuid);
	/* Lets go of what killed programs left behind and no domain uses, as far as it is ours beyond doubt;
	 * what the observation says to be used is not even looked at.
	 * Nothing of ours may be in flight. False: something still moves, try again later. NULL: such a host
	 * has nothing of the kind. */
	bool (*sweep)(struct host *, const struct have *, struct report *);
	/* The simulator's storage, a snapshot's; NULL where real layers are meant. */
	struct storage *(*storage)(struct host *);
	void (*close)(struct host *);
};

extern const struct host_driver host_xen, host_sim, host_snapshot;

/* "xen", "sim:DIR", "snapshot:FILE" to a driver and its target; NULL and a diagnostic otherwise. given NULL:
 * xen where /proc/xen exists, else an error that names the choices. */
const struct host_driver *host_choose(const char *given, const char **target, struct report *);
