/* run: the daemon. It keeps the host as the manifests say until it is told to stop, and every turn of its
 * loop is what `apply` does once:
 *
 *     load    where something of the tree changed; what broke keeps its last good form     want/kept.c
 *     look    observe, plan                                                                 act/turn.c
 *     tell    what became different: a line per object, diagnostics, STATE/status.json      act/history.c
 *     work    execute what need not wait, then look again at once                           act/turn.c
 *     wait    for a file, the host, a moment of back-off, the slow poll, or a signal
 *
 * Nothing that it remembers decides anything but when to try again, so it may be killed at any moment. */
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
};

struct daemon {
	struct session *session;
	const struct options *options;
	struct source_watch *watch;
	struct turner turner;
	struct history *history;
	struct progress_view progress;
	volatile const int *stop;
	bool reload;           /* the manifests are to be read anew */
	struct buffer loading; /* diagnostics of manifests, as they were told last */
	struct buffer turning; /* the same of observation and plan */
	struct buffer status;  /* STATE/status.json, as it was written last */
	const char *unwatched; /* why the tree is not watched, as told last; NULL: it is */
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
	want_free((struct want *)(uintptr_t)before);
	daemon->reload = false;
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

static void tell(struct daemon *daemon, const struct turn *turn)
{
	const struct session *session = daemon->session;
	struct list all = status_of(turn->plan->arena, session->want, turn->have, turn->plan);

	status_add_failures(turn->plan->arena, &all, &daemon->turner.failures);
	history_turn(daemon->history, &all, time(NULL), tell_status, daemon);
	tell_report(daemon, &daemon->turning, turn->report);
	write_status(daemon, &all);
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

	daemon->session->driver->drain(daemon->session->host, arena, &uuids);
	return true;
}

/* Until something may have become different; `next` is a moment of the host's clock, or -1. */
static void wait_for_change(struct daemon *daemon, int64_t next)
{
	const struct session *session = daemon->session;
	const int64_t before = host_now(daemon), began = runner_now();
	const int64_t poll_due = before + session->settings->pollInterval * 1000;
	const int64_t until = next >= 0 && next < poll_due ? next : poll_due;
	struct pollfd changes[] = {
		{.fd = stop_descriptor(), .events = POLLIN},
		{.fd = source_watch_descriptor(daemon->watch), .events = POLLIN},
		{.fd = session->driver->watch(session->host), .events = POLLIN},
	};

	for (bool woken = false; !woken && !*daemon->stop;) {
		const int64_t left = until - before - (runner_now() - began);
		const int ready = poll(changes, 3, left > INT32_MAX ? INT32_MAX : left > 0 ? (int)left : 0);

		if (ready < 0 && errno != EINTR)
			break;
		if (ready > 0 && changes[1].revents)
			settle(changes[1].fd, QUIET_MS, RESTLESS_MS, drain_source, daemon);
		if (ready > 0 && changes[2].revents)
			settle(changes[2].fd, HOST_QUIET_MS, HOST_RESTLESS_MS, drain_host, daemon);
		if (ready > 0 && changes[0].revents) {
			stop_drain();
			daemon->reload = true;
		}
		woken = ready == 0 || daemon->reload || (ready > 0 && changes[2].revents);
	}
	host_pass(daemon, before + (runner_now() - began));
	if (host_now(daemon) >= poll_due)
		daemon->reload = true;
}

static void keep(struct daemon *daemon)
{
	struct session *session = daemon->session;

	daemon->reload = true;
	while (!*daemon->stop) {
		int64_t next = -1;
		bool worked;

		if (daemon->reload)
			load(daemon);
		struct turn turn = turn_look(&daemon->turner, session->want);
		tell(daemon, &turn);
		worked = turn_work(&daemon->turner, &turn);
		if (!worked) {
			next = turn_next(&daemon->turner, &turn);
			if (daemon->turner.options.plan.prune)
				sweep_records(
					&daemon->turner.observer, session->want, turn.have, turn.report);
		}
		turn_free(&turn);
		progress_end(&daemon->progress);
		if (!worked)
			wait_for_change(daemon, next);
		else if (source_watch_drain(daemon->watch))
			daemon->reload = true;
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
	want_free(session->want);
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
