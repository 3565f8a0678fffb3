/* The simulated world, shared by the files of the simulator. world.c holds, loads and stores it; guest.c lets
 * guests live and die; create.c, device.c and verb.c are what actions do to them; fault.c is how that goes
 * wrong; storage.c are the volumes; sim.c is the driver. */
#pragma once
#include "host/sim/sim.h"
#include "model/identity.h"
#include "model/unknown.h"
#include "storage/storage.h"

static const int64_t NEVER = INT64_MAX;

/* A domain: what an observer sees, and what only Xen and the guest know. Its texts lie in an arena of its
 * own. */
struct guest {
	struct arena *arena;
	struct HaveDomain *have;
	int64_t holds;    /* bytes, where `have` does not describe it */
	int64_t boots;    /* when its kernel is up */
	int64_t connects; /* when its devices connect; NEVER: they have, or it does not run */
	int64_t stops;    /* when it obeys a shutdown */
	int64_t leaves;   /* dying: when it is gone */
	int64_t asked;    /* when the time for its word about its config drive began; NEVER: it has not */
	int64_t answers;  /* when it says that word */
	bool unmonitored; /* xl's monitor of it is gone */
	const char *cpus; /* those that it was created with, where it is pinned to others now; in `arena` */
};

/* A domain that xl's monitor has destroyed and will create again. */
struct revival {
	struct arena *arena;
	struct HaveDomain *domain;
	int64_t time;
};

struct sim_volume {
	struct arena *arena;
	struct HaveVolume *have;
};

/* An action in flight. */
struct op {
	struct arena *arena;
	uint32_t id;
	enum verb verb;
	const struct way *way;
	int64_t begun, ends;
	bool faulty;
	enum sim_when when;  /* of its fault */
	const char *message; /* of its fault */

	/* copied from the action */
	const char *object, *name; /* "Domain/web-1", web-1 */
	const char *uid;
	int64_t domid; /* as planned, or as made; -1: not known */
	int64_t number;
	bool escalates;
	const char *xen_name;
	struct HaveDomain *made; /* create: what it will be */
	struct Disk *disk;
	struct Nic *nic;
	struct Record *record;
	struct Scheduler *scheduler;
	const char *cpus;
	struct Label *label; /* volume.create */
	uint32_t layer;
	int64_t size;            /* volume.grow: that is wanted; 0: that of what is below */
	struct HaveImage *image; /* image.verify */
	struct HaveDrive *drive; /* config.* */
	const char *root;        /* config.record: uid of the root volume */
	const char *words;       /* config.record: how the guest failed; NULL: it has not */
	bool is_drive;           /* disk.attach: the disk is a config drive */

	enum outcome outcome;
	const char *failure, *hint;
	struct link link;
	bool awaits; /* its monitor is about to bring it back */
};

struct world {
	struct host host;
	struct storage storage;
	struct arena *arena; /* of what lives as long as the host */
	const char *path;    /* of host.json; NULL: in memory */
	bool writes;
	const char *owner;
	int64_t memory_floor; /* bytes: a live change goes no lower */
	bool monitors;        /* xl's monitors restart guests */
	struct runner *runner;

	/* images and files as they stand in host.json; volumes, where they are real */
	struct Observation *loaded;
	struct node *unknown, *sim_unknown;
	struct HostFacts *facts;
	struct SimState *state; /* faults and events are consumed in place; other values are kept below */
	int64_t clock, next_domid, next_id;
	int64_t next_timer; /* not later than the first thing that happens by itself */

	struct guest **guests;
	uint32_t guest_count, guest_room;
	struct revival **revivals;
	uint32_t revival_count, revival_room;
	struct sim_volume **volumes;
	uint32_t volume_count, volume_room;
	struct op **ops;
	uint32_t op_count, op_room;

	bool dirty;         /* differs from the file */
	const char *broken; /* the file could not be written */
	uint32_t changes, stop_after;
	int *stop;
	bool frozen; /* "killed" */
};

static inline struct world *world_of(struct host *host)
{
	return (struct world *)host;
}

/* world.c */
struct world *world_open(const struct host_options *, const char *text, struct report *);
void world_close(struct world *);
void world_json(struct world *, struct buffer *out);
/* The world has changed by itself, or by an action; the latter is stored at once, counted, and may be the
 * end. */
void world_touched(struct world *);
void world_acted(struct world *);
/* Bytes that no domain holds; negative where a file says so. */
int64_t world_free(const struct world *);
bool world_simulates_storage(const struct world *);
/* Is this kernel, ramdisk or bootloader one that is not there? */
bool world_lacks(const struct world *, const char *path);
bool world_has_bridge(const struct world *, const char *bridge);
/* A number of `state`, or its default. */
int64_t state_number(const struct world *, enum SimState_field, const int64_t *value, int64_t fallback);
/* Room for one more pointer in an array that grows by doubling. */
void *array_grow(void *items, uint32_t count, uint32_t *room);

/* guest.c */
struct guest *guest_find(const struct world *, const char *uuid, int64_t domid);
struct guest *guest_named(const struct world *, const char *xen_name);
/* Is its monitor about to create it again? NULL: no. */
const struct revival *revival_find(const struct world *, const char *uuid);
/* Takes over the arena, in which `have` lies. */
struct guest *guest_add(struct world *, struct arena *, struct HaveDomain *have);
void guest_remove(struct world *, struct guest *);
void guest_free(struct guest *);
/* Another arena and what lies in it take the place of what it has. */
void guest_move(struct guest *, struct arena *, struct HaveDomain *);
void guest_runs(struct world *, struct guest *);             /* it begins to boot */
void guest_wakes(struct world *, struct guest *);            /* it goes on where it was paused */
void guest_ends(struct world *, struct guest *, enum ended); /* its monitor does what it was told to */
bool guest_connected(const struct guest *);
/* Can the file behind it be opened for a guest? False for a real qcow2 that is none. */
bool disk_served(const struct world *, const struct Disk *);
/* All its devices; but a disk that no QEMU can serve never connects. */
void guest_connect(const struct world *, struct guest *, bool connected);
void guest_rename(struct guest *, const char *xen_name);
int64_t guest_holds(const struct guest *);
/* After changes of its texts: gives back what has gathered in its arena. */
void guest_compact(struct guest *);
bool guest_poke(struct world *, struct guest *, enum sim_event);
/* Time passes until `to`; whatever is due on the way happens in its order. */
void world_advance(struct world *, int64_t to);
void world_timer(struct world *, int64_t at); /* something will happen then */
/* Marks of everything that is set become &mark_observed: what was WANT is now found. */
void found_marks(const struct type *, void *object);

/* verb.c: how the verbs of hosts go; storage.c: those of storage. */
struct way {
	int64_t milliseconds; /* at least */
	bool waits;           /* it takes until `met`, or its deadline */
	bool (*met)(struct world *, struct op *);
	/* Copies what it needs and says how long it takes (op->ends); may already fail. Changes nothing. */
	void (*prepare)(struct world *, struct op *, const struct action *, const struct links *);
	void (*start)(struct world *, struct op *);  /* what stands as soon as it is begun */
	void (*effect)(struct world *, struct op *); /* the rest of it; may fail */
	void (*half)(
		struct world *, struct op *); /* what stands if it stops in the middle; NULL: only `start` */
};
extern const struct way host_ways[VERBS], storage_ways[VERBS];
extern const struct storage_driver simulated_storage;
void volume_free(struct sim_volume *);
struct sim_volume *volume_find(const struct world *, const char *uid);

/* drive.c: config drives of simulated storage. */
void config_prepare(struct world *, struct op *, const struct action *, const struct links *);
void config_create_effect(struct world *, struct op *);
void config_remove_effect(struct world *, struct op *);
void config_record_effect(struct world *, struct op *);
void drives_found(const struct world *, const struct want *, struct have *);

/* word.c: what a guest says of its config drive. */
void word_forgotten(const struct world *, struct guest *); /* it boots */
void word_asked(struct world *, struct guest *);           /* its time begins, if it has not */
void word_given(const struct world *, struct guest *);     /* it speaks */
enum config_answer word_said(const struct guest *);
/* What an observer that wants drives of guests sees: have->found->domains are the world's, in its order. */
void words_found(const struct world *, const struct want *, struct have *);

/* op.c: actions in flight, whatever they do. */
void op_begin(struct world *, const struct action *, const struct links *);
/* The first one of that performer that is over at world->clock, with its effect done and taken out of flight.
 */
struct op *op_over(struct world *, enum performer);
bool op_is_over(struct world *, enum performer); /* only looks */
int64_t op_next(const struct world *);           /* when the next one ends by time alone; NEVER */
unsigned op_count(const struct world *, enum performer);
void op_told(struct op *, struct finished *); /* the result, and the end of the op */
void op_free(struct op *);
/* Only the first failure counts. */
void op_fail(struct op *, enum outcome, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* fault.c: decides whether this action goes wrong, and uses that up. */
void fault_choose(struct world *, struct op *);
