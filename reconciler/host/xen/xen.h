/* Real Xen: what the files of this folder share. The host holds jobs, one per action that was begun, and one
 * listing of the domains that all of them look at. */
#pragma once
#include "host/host.h"
#include "host/xen/cache.h"
#include "host/xen/store.h"
#include "host/xen/watch.h"
#include "host/xen/xl_list.h"

struct job;

/* The newest output of `xl list -v`. A job that must not act on an old one waits for a run that began after
 * it asked; one run serves all that wait. */
struct listing {
	struct arena *arena;
	struct list domains;   /* struct listed */
	const char *error;     /* NULL: the list is whole */
	uint64_t begun, ended; /* runs, counted */
	struct child *child;
};

struct xen_host {
	struct host host;
	struct arena *arena;
	struct runner *runner;
	struct store *store;
	const char *owner, *run_dir, *state_dir; /* state_dir: NULL if none was given */
	int64_t memory_floor;                    /* bytes */
	bool monitors;                           /* xl's monitors restart guests; false: created with -e */
	struct watch *watch;
	struct listener *listener;
	struct cache *cache; /* what xl said before */
	struct listing listing;
	struct job *jobs;
};

/* Observation (observe.c). */
void xen_observe(struct host *, const struct want *, struct have *);
/* Which domains exist (struct listed). false, with *error in the arena, if that is not known. */
bool xen_list(struct arena *, struct list *listed, const char **error) __attribute__((warn_unused_result));

/* Loop devices that killed programs left (sweep.c). */
bool xen_forget(struct host *, const char *uuid);
bool xen_sweep(struct host *, const struct have *, struct report *);

/* Actions (jobs.c). */
void xen_begin(struct host *, const struct action *, const struct links *);
bool xen_reap(struct host *, int64_t until, struct finished *done);
void xen_jobs_free(struct xen_host *);
/* Is an action on this domain under way? */
bool xen_works_on(const struct xen_host *, const char *uuid);
/* Which verbs are missing. */
bool xen_can(enum verb);

/* Processes of xl (xl_process.c), found by what /proc tells. */
struct xl_process {
	int64_t pid;
	bool monitor;     /* it watches a guest that it created; else it may be building one */
	const char *name; /* monitor: of its guest, as its log's name tells */
	const char *cfg;  /* last argument, or "" */
};
/* Adds all that create, restore or receive guests (struct xl_process). */
void xl_processes(struct arena *, struct list *);
/* One that makes the domain of exactly this cfg, or watches it; NULL if none. */
const struct xl_process *xl_of(const struct list *, const char *cfg);
/* The monitor of a domain that was created from this cfg or has this name; NULL if none. */
const struct xl_process *xl_monitor(const struct list *, const char *cfg, const char *name);
/* May a process be building a domain that was created from this cfg, or has this name, right now? A monitor
 * knows its guest by the cfg when it was renamed. name NULL: any of them may. */
bool xl_builds(const struct list *, const char *cfg, const char *name);
/* The xl.cfg of a domain of ours. */
const char *xen_cfg_path(struct arena *, const struct xen_host *, const char *uuid);

/* One line for people why a run of xl failed, without xl's own noise. */
char *xl_failure(struct arena *, const char *const *argv, const struct run_result *);
/* What to do about it, where the same run would fail the same way again; else NULL. */
const char *xl_hint(const struct run_result *);
