/* A machine to test on: a simulated host in memory, a state folder and a folder of manifests, and what can be
 * done with them: applied, looked at, put aside and brought back as a new process would find them. */
#pragma once
#include "act/converge.h"
#include "host/sim/sim.h"
#include "want/load.h"

struct machine {
	struct arena *arena;
	char folder[64]; /* host.yaml, manifests/, state/ */
	const char *manifests, *state_dir;
	const struct HostSpec *settings;
	const char *owner;   /* whose processes these are */
	char forbidden[160]; /* the first action that must never be, "" where there was none */
	struct host *host;
	struct report *report; /* of opening */
};

/* What is on the disk and in the hypervisor at one moment. */
struct moment {
	struct arena *arena;
	const char *host;    /* host.json */
	struct list records; /* struct saved */
};

bool machine_open(struct machine *);
void machine_close(struct machine *, bool keep);

void moment_take(struct machine *, struct moment *);
void moment_free(struct moment *);
/* The machine becomes what it was then; nothing of this process's view of it survives. */
void machine_become(struct machine *, const struct moment *);
/* A new process: what was in flight is lost, the rest is as it was. */
void machine_reopen(struct machine *);
/* The same, of another owner. */
void machine_owner(struct machine *, const char *owner);

/* Writes the one file of the folder of manifests; NULL removes the folder. */
void machine_manifests(struct machine *, const char *text, size_t size);
/* Loads the manifests as `owner`'s. *errors: how many diagnostics say error. */
struct want *machine_want(struct machine *, const char *owner, size_t *errors);

struct applying {
	enum level allow;
	bool consents; /* gives consent to what asks for it */
	uint64_t seed;
	const char *owner;
	bool records; /* in the state folder; otherwise the host keeps them alone */
	volatile const int *stop;
};
/* Each action that begins is judged by itself, whatever comes of it: see `forbidden`. */
/* converge, and again with consent as long as something waits for it. */
struct convergence machine_apply(struct machine *, const struct want *, const struct applying *);
/* The plan that would be next. Free with plan_free, have_free. */
struct plan *machine_plan(struct machine *, const struct want *, const struct applying *, struct have **have);

/* Every domain and volume without what may differ between two ways to the same end (numbers that count up,
 * moments, order): one line each, sorted. `foreign`: only those that are not ours, byte for byte. */
void machine_describe(struct machine *, bool foreign, struct buffer *out);
/* Adds faults to the host: JSON of sim.faults; NULL takes away those that are left. Returns how many were
 * left. */
int machine_faults(struct machine *, const char *json);
/* Somebody pauses the guests of ours that run, or lets those go on that are paused: guest N of the list where
 * bit N is set. */
void machine_pause(struct machine *, uint32_t guests);
/* Writes host.json, state and manifests of this moment below a folder, so that
 * `xensteer apply --host sim:FOLDER --config FOLDER/host.yaml FOLDER/manifests` starts from there. */
void machine_write(struct machine *, const struct moment *, const char *manifests, const char *folder);
