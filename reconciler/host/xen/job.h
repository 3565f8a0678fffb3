/* Jobs: actions under way. Each verb is a chain of steps; a step looks, decides, and either ends the job or
 * says what it waits for and which step comes then. Nothing here blocks. */
#pragma once
#include "host/xen/xen.h"

struct job {
	struct xen_host *xen;
	struct job *next;
	struct arena *arena; /* everything that the job holds */
	uint32_t id;
	enum verb verb;
	const char *uuid, *name; /* name: Xen's; NULL where it is not known */
	const char *cfg;         /* path of its xl.cfg */
	const char *mark;        /* text of the record to be written, NULL if none */
	bool hvm, escalates, half_built;
	int64_t number;          /* of the action */
	int64_t begun, deadline; /* ms */

	/* its config drive, where the action is about it; WANT outlives the action */
	const struct wanted_config *config;

	/* what it changes; which of them there are follows from the verb */
	const struct Disk *disk;
	struct link link; /* disk_attach: what is behind the disk */
	const struct Nic *nic;
	const struct Scheduler *scheduler;
	const char *cpus;

	/* what it waits for */
	void (*step)(struct job *); /* NULL: it has ended */
	struct child *child;        /* its end */
	const char *const *argv;    /* of that child */
	uint64_t listing;           /* this run of the listing */
	int64_t wake;               /* this time, ms */
	bool listens;               /* or, before that, for something that the listener hears */
	uint64_t heard;             /* of it so far */

	/* what a chain of steps remembers */
	const char *file; /* temporary, removed at the end */
	const struct wanted_domain *domain;
	struct links links;
	int64_t domid, since;
	int tries, misses, releases;
	bool listening, deaf;           /* the listener was joined; it cannot hear */
	int64_t listening_to;           /* domid */
	struct list files;              /* const char *: behind the disks of what is destroyed */
	struct list loops;              /* struct loop_device: on those files, perhaps left over */
	const char *loop, *loop_target; /* the loop device of a disk that is detached, and its file */
	const char *trouble;            /* what a program said that may turn out not to matter */
	enum outcome trouble_outcome;

	enum outcome outcome;
	const char *message, *hint;
};

/* How a step ends. */
void job_run(struct job *, const char *const *argv, int64_t limit_ms, void (*then)(struct job *));
void job_look(struct job *, void (*then)(struct job *)); /* at a listing that begins from now on */
void job_sleep(struct job *, int64_t ms, void (*then)(struct job *));
/* Until the listener hears something, but no longer than that. */
void job_listen(struct job *, int64_t ms, void (*then)(struct job *));
void job_done(struct job *, const char *remark);
void job_fail(struct job *, enum outcome, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* After job_run: how the program ended. */
const struct run_result *job_result(const struct job *);
bool job_succeeded(const struct job *); /* exit status 0 */
/* After job_look: the domain, *listed NULL if there is none. false if that cannot be told: the job then looks
 * again or was ended, and the step returns. */
bool job_listed(struct job *, const struct listed **listed);
/* The same for a guest that must live: its domid is noted in the job. NULL: the step returns. */
const struct listed *job_alive(struct job *);
/* What is left of the time that the action may take, ms; a second at least. */
int64_t job_left(const struct job *);
/* An argv of the words that are given, up to a NULL, in the job's arena. */
const char *const *job_argv(struct job *, const char *const *words);
#define job_words(job, ...) job_argv((job), (const char *const[]){__VA_ARGS__})
/* "xl" and up to four more arguments, NULL for none, in the job's arena. */
const char *const *job_xl(
	struct job *, const char *verb, const char *one, const char *two, const char *three);
char *job_domid(struct job *, int64_t domid);

/* The last line of a guest's QEMU log with this text in it ("": any line); NULL if there is none. */
const char *qemu_words(struct arena *, const char *name, const char *about);

/* First steps of the verbs. */
void create_begin(struct job *);
void verify_begin(struct job *);
void destroy_begin(struct job *);
void shutdown_begin(struct job *);
void memory_begin(struct job *);
void acknowledge_begin(struct job *);
/* Before a drive is attached: its guest has not answered yet, and has time from now on. false: the job has
 * failed. */
bool acknowledge_prepare(struct job *) __attribute__((warn_unused_result));
void unpause_begin(struct job *);
void vcpus_begin(struct job *);
void cpus_begin(struct job *);
void scheduler_begin(struct job *);
void rename_begin(struct job *);
void disk_attach_begin(struct job *);
void disk_detach_begin(struct job *);
void disk_grow_begin(struct job *);
void nic_attach_begin(struct job *);
void nic_detach_begin(struct job *);
void record_begin(struct job *);
void check_begin(struct job *);
void configure_begin(struct job *);
