/* Sets up what a command works with. The order matters: the lock is taken before a driver is opened, because
 * the simulator reads its whole state then; the name of the host is known before manifests are loaded,
 * because metadata.host is compared with it. */
#include "face/session.h"
#include "base/file.h"
#include "face/log.h"
#include "state/lock.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char default_manifests[] = "/etc/xensteer/manifests";

struct session session_of(struct invocation *invocation)
{
	return (struct session){
		.invocation = invocation,
		.options = &invocation->options,
		.arena = invocation->arena,
		.report = invocation->report,
		.lock = -1,
	};
}

void session_drop(struct session *session)
{
	command_flush(session->invocation);
	if (!session->invocation->reported)
		log_report(session->options, session->report);
	session->invocation->reported = true;
	want_free(session->want);
	have_free(session->have);
	if (session->storage)
		session->storage->driver->close(session->storage);
	if (session->host)
		session->host->driver->close(session->host);
	if (session->runner)
		runner_free(session->runner);
	fd_drop(&session->lock);
}

bool session_settings(struct session *session)
{
	session->settings = host_settings(session->arena, session->options->config, session->report);
	if (!session->settings)
		return false;
	session->owner = session->options->owner ? session->options->owner : session->settings->owner;
	return true;
}

/* --state-dir names it whole; a simulated host keeps its own; else the settings, else the default of this
 * owner. */
static void choose_folders(struct session *session)
{
	const struct mark *said = session->settings->at[HostSpec_stateDir];
	bool simulated = session->driver == &host_sim;
	const char *state_dir;

	if (session->options->state_dir)
		state_dir = session->options->state_dir;
	else if (simulated)
		state_dir = arena_format(session->arena, "%s/state/%s", session->target, session->owner);
	else if (said && said->file)
		state_dir = session->settings->stateDir;
	else
		state_dir = arena_format(session->arena, "/var/lib/xensteer/%s", session->owner);
	session->state_dir = file_absolute(session->arena, state_dir);
	session->run_dir =
		file_absolute(session->arena, simulated ? session->target : session->settings->runDir);
}

static bool take_lock(struct session *session)
{
	const char *path = arena_format(session->arena, "%s/lock", session->run_dir);
	pid_t holder = -1;

	session->lock = lock_take(path, &holder);
	if (session->lock >= 0)
		return true;
	if (holder < 0)
		return report_error(session->report, NULL, NULL, NULL, "cannot take the lock %s: %s", path,
			strerror(errno));
	if (holder == 0)
		return report_error(session->report, NULL, NULL, "one writer per host: wait until it ends",
			"%s is held by another writer", path);
	return report_error(session->report, NULL, NULL, "one writer per host: wait until it ends",
		"%s is held by another writer, pid %d", path, (int)holder);
}

/* The name that metadata.host is compared with: on Xen that of this machine, else the one that the host file
 * says. A snapshot also says which folder its manifests were applied from: they may be looked at elsewhere.
 */
static void find_names(struct session *session)
{
	char name[HOST_NAME_MAX + 1] = "";
	HAVE_SCOPED have = NULL;
	const char *source = NULL;

	session->host_name = "";
	if (session->driver == &host_xen) {
		if (gethostname(name, sizeof name - 1) == 0)
			session->host_name = arena_text(session->arena, name);
		return;
	}
	have = have_new();
	session->host->driver->observe(session->host, NULL, have);
	if (have->found->host && have->found->host->name)
		session->host_name = arena_text(session->arena, have->found->host->name);
	if (session->driver != &host_snapshot)
		return;
	session->storage->driver->observe(session->storage, NULL, have);
	source = have_source(have, session->owner);
	if (source)
		session->source = arena_text(session->arena, source);
}

enum exit_code session_open(struct session *session, bool writes)
{
	struct host_options options;

	if (!session_settings(session))
		return EXIT_ERROR;
	session->driver = host_choose(session->options->host, &session->target, session->report);
	if (!session->driver)
		return session->options->host ? EXIT_USAGE : EXIT_ERROR;
	choose_folders(session);
	if (writes && session->driver != &host_snapshot && !take_lock(session))
		return EXIT_ERROR;
	session->runner = runner_new();
	options = (struct host_options){
		.target = session->target,
		.owner = session->owner,
		.state_dir = session->state_dir,
		.run_dir = session->run_dir,
		.spec = session->settings,
		.writes = writes,
		.supervises = session->stays,
		.runner = session->runner,
	};
	session->host = session->driver->open(&options, session->report);
	if (!session->host)
		return EXIT_ERROR;
	if (session->driver->storage)
		session->storage = session->driver->storage(session->host);
	if (!session->storage)
		session->storage = storage_real(
			&(struct storage_options){
				.state_dir = session->state_dir,
				.run_dir = session->run_dir,
				.image_dir = session->settings->imageDir,
				.owner = session->owner,
				.nbd = &session->settings->nbdDevices,
				.devices = &session->settings->policy->blockDevices,
				.hlfs_dir = session->settings->hlfsDir,
				.runner = session->runner,
			},
			session->report);
	if (!session->storage)
		return EXIT_ERROR;
	find_names(session);
	return EXIT_DONE;
}

static void tell_root(const struct session *session, const struct source_root *root)
{
	ARENA_SCOPED scratch = arena_new();

	if (strcmp(root->path, file_absolute(scratch, root->given)) != 0)
		log_line(session->options, LOG_DEBUG,
			"%s stands for %s: the snapshot's objects are from there", root->given, root->path);
}

const char *const *session_paths(const struct session *session)
{
	static const char *const fallback[] = {default_manifests};

	return session->options->operand_count ? session->options->operands : fallback;
}

size_t session_path_count(const struct session *session)
{
	return session->options->operand_count ? session->options->operand_count : 1;
}

void session_load(struct session *session, const char *const *paths, size_t count)
{
	static const char *const fallback[] = {default_manifests};
	struct load_options options = {
		.paths = count ? paths : fallback,
		.path_count = count ? count : 1,
		.host = session->settings,
		.owner = session->owner,
		.host_name = session->host_name,
		.away = session->driver != &host_xen && session->driver != &host_sim,
		.references_warn = !session->host,
		/* with --take-over PATH is meant to be another folder */
		.stands_for = count == 1 && !session->options->take_over ? session->source : NULL,
	};
	size_t before = report_count(session->report, SEVERITY_ERROR);

	session->want = session->kept ? want_load_kept(&options, session->kept, session->report)
				      : want_load(&options, session->report);
	session->broken = report_count(session->report, SEVERITY_ERROR) > before;
	if (session->want->roots.count == 1)
		tell_root(session, session->want->roots.item[0]);
}

enum exit_code session_no_object(const struct session *session, const char *object)
{
	const struct list *objects = &session->want->objects;
	const char **names = arena_array(session->arena, const char *, objects->count);
	const char *nearest;

	for (uint32_t i = 0; i < objects->count; i++)
		names[i] = ((const struct object *)objects->item[i])->text;
	nearest = text_nearest(object, names, objects->count);
	report_error(session->report, NULL, object,
		nearest ? arena_format(session->arena, "did you mean '%s'?", nearest) : NULL,
		"there is no such object");
	return EXIT_ERROR;
}

bool session_check_only(const struct session *session)
{
	const char *only = session->options->only;
	enum kind kind = only && text_starts(only, "Volume/") ? KIND_VOLUME : KIND_DOMAIN;

	if (!only || want_object(session->want, kind, strchr(only, '/') + 1))
		return true;
	return session_no_object(session, only) == EXIT_DONE;
}

struct observer session_observer(const struct session *session)
{
	return (struct observer){
		.host = session->host,
		.storage = session->storage,
		.owner = session->owner,
		.state_dir = session->driver == &host_snapshot ? NULL : session->state_dir,
		.now = time(NULL),
	};
}

bool session_observe(struct session *session)
{
	struct observer observer = session_observer(session);
	size_t before = report_count(session->report, SEVERITY_ERROR);

	have_free(session->have);
	session->have = observe(&observer, session->want, session->report);
	if (!session->have->known && report_count(session->report, SEVERITY_ERROR) == before)
		report_error(session->report, NULL, NULL, NULL, "the host could not be observed: %s",
			session->have->why_unknown ? session->have->why_unknown : "no reason was given");
	return session->have->known;
}

static bool names_file(const struct options *options)
{
	for (size_t i = 0; i < options->operand_count; i++) {
		struct stat status;

		if (stat(options->operands[i], &status) == 0 && !S_ISDIR(status.st_mode))
			return true;
	}
	return false;
}

enum exit_code session_check_prune(const struct session *session)
{
	const struct options *options = session->options;

	if (options->prune != PRUNE_YES)
		return EXIT_DONE;
	if (options->only)
		return command_refuse(
			session->invocation, "--prune=true does not go with --only: it never prunes");
	if (names_file(options))
		return command_refuse(session->invocation,
			"--prune=true needs folders: what a file does not name may stand in another");
	return EXIT_DONE;
}

struct plan_options session_plan_options(const struct session *session)
{
	const struct options *options = session->options;
	bool prunes = !options->only && !names_file(options);

	return (struct plan_options){
		.allow = options->allow,
		.prune = options->prune == PRUNE_UNSAID ? prunes : options->prune == PRUNE_YES,
		.take_over = options->take_over,
		.only = options->only,
		.consent = options->consent,
	};
}
