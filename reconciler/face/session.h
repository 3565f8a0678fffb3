/* A session: what every command that looks at a host or at manifests sets up first, in this order: the host's
 * settings, whose objects these are, the folders, the lock, the driver, storage, the manifests, an
 * observation. All steps report to the invocation's report and return false on failure; session_drop undoes
 * whatever was done. */
#pragma once
#include "decide/plan.h"
#include "face/command.h"
#include "have/observe.h"
#include "want/kept.h"

struct session {
	struct invocation *invocation;
	const struct options *options;
	struct arena *arena;
	struct report *report;
	const struct HostSpec *settings;
	const char *owner;
	const char *host_name; /* what metadata.host is compared with; NULL: no host (validate) */
	const char *source;    /* a snapshot: the one folder that its objects were applied from, or NULL */
	const char *state_dir; /* absolute */
	const char *run_dir;
	const struct host_driver *driver;
	const char *target;
	struct runner *runner;
	struct host *host;
	struct storage *storage;
	struct want *want;
	struct have *have;
	int lock;          /* -1: not held */
	bool stays;        /* set before session_open: this is the daemon, which restarts guests itself */
	struct kept *kept; /* the daemon's: last good forms of what is loaded; NULL: there are none */
	bool broken;       /* loading the manifests gave errors */
};

/* A session that stands for nothing yet. */
struct session session_of(struct invocation *);
/* Also prints the report to standard error, after the result, unless the command has printed it as its
 * result. */
void session_drop(struct session *);
#define SESSION_SCOPED __attribute__((cleanup(session_drop))) struct session

/* The host's settings and the owner. */
bool session_settings(struct session *) __attribute__((warn_unused_result));
/* Settings, folders, driver, storage; with `writes` the lock before the driver is opened. EXIT_DONE, or what
 * to exit with. */
enum exit_code session_open(struct session *, bool writes) __attribute__((warn_unused_result));
/* Manifests from these PATHs; none: the default folder. Always makes a WANT; sets `broken`. */
void session_load(struct session *, const char *const *paths, size_t count);
/* The PATHs to load: the operands, or the default folder. */
const char *const *session_paths(const struct session *);
size_t session_path_count(const struct session *);
/* Reports that there is no such object, with the nearest one that there is. Returns EXIT_ERROR. */
enum exit_code session_no_object(const struct session *, const char *object);
/* --only must name an object of the manifests. False after a diagnostic. */
bool session_check_only(const struct session *) __attribute__((warn_unused_result));
/* An observation, which replaces the one before. False, with a diagnostic, if the host could not be observed.
 */
bool session_observe(struct session *);
struct observer session_observer(const struct session *);
/* What the options say about a plan; `paths` decide whether pruning is meant where --prune is unsaid. */
struct plan_options session_plan_options(const struct session *);
/* A file argument and --only never prune: --prune=true beside them is a usage error. */
enum exit_code session_check_prune(const struct session *) __attribute__((warn_unused_result));
