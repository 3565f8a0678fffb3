/* run: the daemon. It keeps the host as the manifests say until it is told to stop, and every turn of its
 * loop is what `apply` does once:
 *
 *     load    where something of the tree changed; what broke keeps its last good form     want/kept.c
 *     look    observe, plan                                                                 act/turn.c
 *     tell    what became different: a line per object, diagnostics, STATE/status.json      act/history.c
 *     begin   what need not wait and is not under way                                       act/turn.c
 *     wait    for a file, the host, the end of what is under way, a moment of back-off, the slow poll, or a
 * signal
 *
 * A guest that takes its minute to shut down keeps nobody waiting: the loop goes on beside it. Nothing that
 * it remembers decides anything but when to try again, so it may be killed at any moment. */
#include "act/sweep.h"
#include "act/turn.h"
#include "base/file.h"
#include "face/log.h"
#include "face/progress.h"
#include "face/session.h"
#include "face/status_print.h"
#include "face/stop.h"
#include "want/watch.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	QUIET_MS = 200,      /* a tree that changes is read when nothing more has happened for so long */
	RESTLESS_MS = 2000,  /* or after so long, if it never rests */
	HOST_QUIET_MS = 100, /* a guest that comes or goes is seen in many steps */
	HOST_RESTLESS_MS = 500,
	SWEEP_PACE_MS = 5000, /* what is still in use is tried to be swept again after so long */
	WORK_SLICE_MS = 200,  /* while something is under way, files and the host are looked at so often */
	WORK_PACE_MS = 2000,  /* and the host, which moves because we move it, is not observed more often, */
	WORK_SHARE = 10, /* nor for more than a tenth of the time: who observes keeps others from working */
};

/* A WANT that is in use: the one of now, and those that turns under way still work with. */
struct generation {
	struct want *want;
	unsigned turns;
	struct generation *next;
};

struct daemon {
	struct session *session;
	const struct options *options;
	struct source_watch *watch;
	struct turner turner;
	struct history *history;
	struct progress_view progress;
	volatile const int *stop;
	struct generation *generations; /* the first is the one of now */
	bool reload;                    /* the manifests are to be read anew */
	bool moved;                     /* something has happened on the host */
	int64_t rested;                 /* the host may be looked at again while we work: ms, as runner_now */
	struct buffer loading;          /* diagnostics of manifests, as they were told last */
	struct buffer turning;          /* the same of observation and plan */
	struct buffer status;           /* STATE/status.json, as it was written last */
	const char *unwatched;          /* why the tree is not watched, as told last; NULL: it is */
};

/* Diagnostics are told when they are others than the last time. */
static void tell_report(const struct daemon *daemon, struct buffer *last, struct report *report)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return;
	report_text(report, stream, false);
	fclose(stream);
	if (size != last->size || (size && memcmp(text, last->text, size) != 0)) {
		log_report(daemon->options, report);
		last->size = 0;
		buffer_bytes(last, text, size);
	}
	free(text);
}

static void changed(void *context, const char *object)
{
	struct daemon *daemon = context;

	turner_forget(&daemon->turner, object);
}

static void tell_unwatched(struct daemon *daemon)
{
	const char *why = source_watch_why(daemon->watch);

	if (why && !daemon->unwatched)
		log_line(daemon->options, LOG_WARNING,
			"not all of the manifests' folders are watched (%s): changes are seen every %" PRId64
			" s only",
			why, daemon->session->settings->pollInterval);
	daemon->unwatched = why ? "told" : NULL;
}

/* Those that nobody uses any more go; `all`: the one of now, too. */
static void generations_free(struct daemon *daemon, bool all)
{
	for (struct generation **at = &daemon->generations, *generation; (generation = *at);) {
		if (generation->turns || (!all && generation == daemon->generations)) {
			at = &generation->next;
			continue;
		}
		*at = generation->next;
		want_free(generation->want);
		free(generation);
	}
}

static void generation_add(struct daemon *daemon, struct want *want)
{
	struct generation *generation = calloc(1, sizeof *generation);

	if (!generation)
		memory_ended();
	*generation = (struct generation){.want = want, .next = daemon->generations};
	daemon->generations = generation;
}

/* First watched, then read: a change that comes between is an event. */
static void load(struct daemon *daemon)
{
	struct session *session = daemon->session;
	const struct want *before = session->want;
	REPORT_SCOPED report = report_new();
	struct report *outer = session->report;

	(void)!source_watch_drain(daemon->watch);
	(void)!source_watch_renew(daemon->watch);
	tell_unwatched(daemon);
	session->report = report;
	session_load(session, daemon->options->operands, daemon->options->operand_count);
	session->report = outer;
	tell_report(daemon, &daemon->loading, report);
	history_load(daemon->history, before, session->want, changed, daemon);
	turner_leave_want(&daemon->turner);
	generation_add(daemon, session->want);
	generations_free(daemon, false);
	/* what they name was read before it was watched: once more */
	daemon->reload =
		source_watch_also(daemon->watch, &session->want->named) && source_watch_renew(daemon->watch);
	log_line(daemon->options, LOG_DEBUG, "manifests read: %" PRIu32 " objects%s",
		session->want->objects.count, session->want->complete ? "" : ", not all of them whole");
}

static void tell_status(void *context, const struct object_status *status, const char *words)
{
	const struct daemon *daemon = context;

	log_line(daemon->options, LOG_INFO, "%s: %s", status->object, words);
}

/* For people and programs that ask what this one knows: replaced whole, and only when it says something new.
 */
static void write_status(struct daemon *daemon, const struct list *all)
{
	const struct session *session = daemon->session;
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, true);
	const char *path = arena_format(session->want->arena, "%s/status.json", session->state_dir);

	status_json(&json,
		&(struct status_view){
			.want = session->want, .all = all, .history = daemon->history, .daemon = getpid()});
	if (text.size == daemon->status.size && memcmp(text.text, daemon->status.text, text.size) == 0)
		return;
	daemon->status.size = 0;
	if (!file_folders(session->state_dir, 0700) || !file_write(path, text.text, text.size, 0600))
		log_line(daemon->options, LOG_WARNING, "%s could not be written: %m", path);
	else
		buffer_bytes(&daemon->status, text.text, text.size);
}

static void tell(struct daemon *daemon, struct turn *turn)
{
	const struct session *session = daemon->session;
	struct list all = status_of(turn->plan->arena, session->want, turn->have, turn->plan);

	status_add_failures(turn->plan->arena, &all, &daemon->turner.failures);
	history_turn(daemon->history, &all, time(NULL), tell_status, daemon);
	tell_report(daemon, &daemon->turning, turn->report);
	turn->told = report_all(turn->report, &(const struct diagnostic *){NULL});
	write_status(daemon, &all);
}

/* What came to the report after it was told: warnings of actions and of sweeping. */
static void tell_rest(const struct daemon *daemon, struct turn *turn)
{
	static const enum log_level levels[] = {
		[SEVERITY_ERROR] = LOG_ERROR, [SEVERITY_WARNING] = LOG_WARNING, [SEVERITY_NOTE] = LOG_INFO};
	const struct diagnostic *all;
	const size_t count = report_all(turn->report, &all);

	for (; turn->told < count; turn->told++)
		log_line(daemon->options, levels[all[turn->told].severity], "%s", all[turn->told].message);
}

/* What is left behind by what was killed goes when there is nothing better to do. False: not all of it yet,
 * because somebody still works on it. */
static bool sweep(const struct daemon *daemon, struct turn *turn)
{
	const struct session *session = daemon->session;
	bool clean = true;

	if (turner_works(&daemon->turner) || !turn->have->known)
		return true;
	if (daemon->turner.options.plan.prune)
		sweep_records(&daemon->turner.observer, session->want, turn->have, turn->report);
	sweep_storage(&daemon->turner.observer, session->want, turn->have);
	if (session->driver->sweep)
		clean = session->driver->sweep(session->host, turn->have, turn->report);
	tell_rest(daemon, turn);
	return clean;
}

static void told(void *context, const struct progress *progress)
{
	struct daemon *daemon = context;

	progress_tell(&daemon->progress, progress);
	history_deed(daemon->history, progress, time(NULL));
}

static int64_t host_now(const struct daemon *daemon)
{
	return daemon->session->driver->now(daemon->session->host);
}

/* Time has passed: a simulated host has to be told, a real one knows. */
static void host_pass(const struct daemon *daemon, int64_t until)
{
	ARENA_SCOPED arena = arena_new();
	struct finished none = {.arena = arena};

	while (host_now(daemon) < until)
		daemon->session->driver->reap(daemon->session->host, until, &none);
}

/* Waits until a descriptor has been silent for a while. */
static void settle(int descriptor, int quiet_ms, int most_ms, bool (*drain)(void *context), void *context)
{
	const int64_t end = runner_now() + most_ms;
	struct pollfd changes = {.fd = descriptor, .events = POLLIN};

	do {
		if (!drain(context))
			return;
	} while (runner_now() < end && poll(&changes, 1, quiet_ms) > 0);
}

static bool drain_source(void *context)
{
	struct daemon *daemon = context;

	daemon->reload |= source_watch_drain(daemon->watch);
	return daemon->reload;
}

static bool drain_host(void *context)
{
	struct daemon *daemon = context;
	ARENA_SCOPED arena = arena_new();
	struct list uuids = {0};

	daemon->moved |= daemon->session->driver->drain(daemon->session->host, arena, &uuids);
	return daemon->moved;
}

/* Takes in what the descriptors say; `ready`: poll said that there is something. */
static void take_changes(struct daemon *daemon, const struct pollfd changes[3])
{
	if (changes[1].revents)
		settle(changes[1].fd, QUIET_MS, RESTLESS_MS, drain_source, daemon);
	if (changes[2].revents && turner_works(&daemon->turner))
		(void)drain_host(daemon); /* it is not silent while we work */
	else if (changes[2].revents)
		settle(changes[2].fd, HOST_QUIET_MS, HOST_RESTLESS_MS, drain_host, daemon);
	if (changes[0].revents) {
		stop_drain();
		daemon->reload = true;
	}
}

static void end_turn(struct daemon *daemon, struct turn *turn)
{
	struct generation *generation = daemon->generations;

	tell_rest(daemon, turn);
	while (generation->want != turn->want)
		generation = generation->next;
	generation->turns--;
	turn_free(turn);
	generations_free(daemon, false);
	progress_end(&daemon->progress);
}

/* While something is under way, its end is waited for, in slices in which nothing else is missed. False: look
 * again. */
static bool work_goes_on(struct daemon *daemon, int64_t until)
{
	const int64_t slice = host_now(daemon) + WORK_SLICE_MS;
	struct turn *turn = turner_step(&daemon->turner, slice < until ? slice : until);

	if (turn)
		end_turn(daemon, turn);
	return !turn && host_now(daemon) < until && !(daemon->moved && runner_now() >= daemon->rested);
}

/* Until something may have become different; `next` is a moment of the host's clock, or -1. */
static void wait_for_change(struct daemon *daemon, int64_t next)
{
	const struct session *session = daemon->session;
	const int64_t poll_due = host_now(daemon) + session->settings->pollInterval * 1000;
	const int64_t until = next >= 0 && next < poll_due ? next : poll_due;

	for (bool waits = true; waits && !*daemon->stop;) {
		const bool works = turner_works(&daemon->turner);
		const int64_t before = host_now(daemon), began = runner_now();
		const int64_t left = works ? 0 : until - before;
		struct pollfd changes[] = {
			{.fd = stop_descriptor(), .events = POLLIN},
			{.fd = source_watch_descriptor(daemon->watch), .events = POLLIN},
			{.fd = session->driver->watch(session->host), .events = POLLIN},
		};
		const int ready = poll(changes, 3, left > INT32_MAX ? INT32_MAX : left > 0 ? (int)left : 0);

		if (ready > 0)
			take_changes(daemon, changes);
		if (works) {
			waits = !daemon->reload && work_goes_on(daemon, until);
			continue;
		}
		host_pass(daemon, before + (runner_now() - began));
		waits = !daemon->reload && !daemon->moved && host_now(daemon) < until;
	}
	if (host_now(daemon) >= poll_due)
		daemon->reload = true;
}

static void look(struct daemon *daemon)
{
	struct session *session = daemon->session;
	const int64_t began = runner_now();
	struct turn *turn;
	int64_t next, took;

	daemon->moved = false;
	turn = turn_look(&daemon->turner, session->want);
	took = (runner_now() - began) * WORK_SHARE;
	daemon->rested = runner_now() + (took > WORK_PACE_MS ? took : WORK_PACE_MS);
	tell(daemon, turn);
	if (turn_begin(turn)) {
		daemon->generations->turns++;
		next = turn_next(turn);
	} else {
		next = turn_next(turn);
		if (!sweep(daemon, turn) && (next < 0 || next > host_now(daemon) + SWEEP_PACE_MS))
			next = host_now(daemon) + SWEEP_PACE_MS;
		turn_free(turn);
	}
	wait_for_change(daemon, next);
}

static void keep(struct daemon *daemon)
{
	const struct session *session = daemon->session;

	daemon->reload = true;
	(void)session->driver->watch(session->host); /* from before the first look on */
	while (!*daemon->stop) {
		if (daemon->reload)
			load(daemon);
		look(daemon);
	}
	/* nothing more is begun; what runs may end */
	while (turner_works(&daemon->turner)) {
		struct turn *turn = turner_step(&daemon->turner, host_now(daemon) + WORK_SLICE_MS);

		if (turn)
			end_turn(daemon, turn);
	}
}

static enum exit_code run(struct session *session)
{
	const struct options *options = session->options;
	struct daemon daemon = {
		.session = session,
		.options = options,
		.watch = source_watch_new(session_paths(session), session_path_count(session)),
		.history = history_new(),
		.progress = progress_view(options, session->arena),
		.stop = stop_catch(true),
	};
	const struct observer observer = session_observer(session);
	const struct executor executor = {
		.host = session->host,
		.storage = session->storage,
		.state_dir = session->state_dir,
		.parallelism = (uint32_t)session->settings->parallelism,
		.stop = daemon.stop,
		.told = told,
		.context = &daemon,
	};

	session->kept = kept_new();
	turner_init(&daemon.turner, &executor, &observer,
		&(struct turn_options){.plan = session_plan_options(session),
			.seed = (uint64_t)time(NULL) ^ (uint64_t)getpid(),
			.prune_delay_ms = session->settings->pruneDelay * 1000});
	log_line(options, LOG_INFO, "xensteer keeps this host (%s, owner %s) as %s says; state in %s",
		session->driver->name, session->owner, *session_paths(session), session->state_dir);
	keep(&daemon);
	log_line(options, LOG_INFO, "stopped: the host stays as it is, the next start goes on from there");
	turner_free(&daemon.turner);
	history_free(daemon.history);
	source_watch_free(daemon.watch);
	generations_free(&daemon, true);
	session->want = NULL;
	kept_free(session->kept);
	buffer_free(&daemon.loading);
	buffer_free(&daemon.turning);
	buffer_free(&daemon.status);
	return EXIT_DONE;
}

enum exit_code command_run(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	enum exit_code code;

	session.stays = true;
	invocation->options.stamped = !getenv("JOURNAL_STREAM"); /* the journal has its own clock */
	code = session_open(&session, true);
	return code == EXIT_DONE ? run(&session) : code;
}
