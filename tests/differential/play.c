/* play xen|sim FOLDER SCRIPT...: plays the steps of SCRIPT, one per line, on that host, with the definitions
 * in FOLDER/manifests, and prints what comes of each. `#` begins a comment. A simulated host begins as
 * FOLDER/host.json. With -v the words of failures are printed too. Exit 2: it could not be played. */
#include "tests/differential/play.h"
#include "base/file.h"
#include "have/observe.h"
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WORDS = 8, AWAIT_TRIES = 100, AWAIT_PACE = 300 /* ms */ };

static const char owner[] = "default";

void play_fail(const char *format, ...)
{
	va_list arguments;
	fflush(stdout);
	va_start(arguments, format);
	fputs("play: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(2);
}

static void must(struct play *play, bool done, const char *what)
{
	if (done)
		return;
	report_text(play->report, stderr, false);
	play_fail("%s", what);
}

/* The host. */

void play_open(struct play *play)
{
	play->runner = runner_new();
	play->options.runner = play->runner;
	play->host = play->driver->open(&play->options, play->report);
	must(play, play->host, "the host could not be opened");
	play->storage = storage_real(&(struct storage_options){.state_dir = play->options.state_dir,
					     .run_dir = play->options.run_dir,
					     .image_dir = play->work,
					     .owner = owner,
					     .runner = play->runner},
		play->report);
	must(play, play->storage, "storage could not be opened");
}

void play_close(struct play *play)
{
	play->storage->driver->close(play->storage);
	play->driver->close(play->host);
	runner_free(play->runner);
}

void play_observe(struct play *play)
{
	const struct observer observer = {.host = play->host,
		.storage = play->storage,
		.owner = owner,
		.state_dir = play->options.state_dir};
	have_free(play->have);
	play->have = observe(&observer, NULL, play->report);
}

int64_t play_domid(const struct play *play, const char *xen_name)
{
	const struct HaveDomain *domain = have_domain_named(play->have, xen_name);
	return domain ? domain->domid : -1;
}

static bool is_so(const struct play *play, const char *xen_name, const char *state)
{
	const struct HaveDomain *domain = have_domain_named(play->have, xen_name);
	if (!play->have->known)
		return false;
	if (strcmp(state, "absent") == 0)
		return !domain;
	if (strcmp(state, "half-built") == 0)
		return domain && KNOWN(domain, HaveDomain, halfBuilt) && domain->halfBuilt;
	return domain && KNOWN(domain, HaveDomain, power) &&
	       strcmp(choice_found_power[domain->power], state) == 0;
}

bool play_await(struct play *play, const char *xen_name, const char *state)
{
	for (int i = 0; i < AWAIT_TRIES; i++) {
		play_observe(play);
		if (is_so(play, xen_name, state))
			return true;
		play->hand->wait(play, AWAIT_PACE);
	}
	return false;
}

struct finished play_action(struct play *play, struct action *action)
{
	struct finished done = {.arena = play->arena};
	const struct storage_driver *storage = play->storage->driver;
	action->id = ++play->id;
	if (verb_table[action->verb].performer == PERFORMER_HOST) {
		play->driver->begin(play->host, action, &play->links);
		while (!play->driver->reap(play->host, INT64_MAX, &done))
			;
		return done;
	}
	storage->begin(play->storage, action, &play->links);
	while (!storage->reap(play->storage, &done))
		(void)play->driver->reap(play->host, play->driver->now(play->host) + 1000, &done);
	if (done.link.path)
		links_set(&play->links, action->uid, &done.link);
	return done;
}

/* Definitions. */

static void definition_load(struct play *play, const char *path, const char *name)
{
	const struct load_options options = {
		.paths = &path, .path_count = 1, .host = play->settings, .owner = owner, .host_name = ""};
	struct definition *definition = arena_make(play->arena, struct definition);
	definition->name = name;
	definition->want = want_load(&options, play->report);
	must(play, definition->want->domains.count == 1 && !report_count(play->report, SEVERITY_ERROR), path);
	definition->domain = definition->want->domains.item[0];
	list_add(play->arena, &play->definitions, definition);
}

static void definitions_load(struct play *play)
{
	const char *folder = arena_format(play->arena, "%s/manifests", play->folder);
	DIR *entries = opendir(folder);
	must(play, entries, folder);
	for (struct dirent *entry; (entry = readdir(entries));)
		if (text_ends(entry->d_name, ".yaml"))
			definition_load(play, arena_format(play->arena, "%s/%s", folder, entry->d_name),
				arena_copy(
					play->arena, entry->d_name, strlen(entry->d_name) - strlen(".yaml")));
	closedir(entries);
}

struct definition *play_definition(struct play *play, const char *name)
{
	for (uint32_t i = 0; i < play->definitions.count; i++) {
		struct definition *definition = play->definitions.item[i];
		if (strcmp(definition->name, name) == 0)
			return definition;
	}
	play_fail("%s/manifests/%s.yaml is not there", play->folder, name);
}

/* What the manifests of the test name, any host allows. */
static void settings_make(struct play *play)
{
	static const char text[] = "{apiVersion: xensteer/v1, kind: Host,"
				   " spec: {policy: {files: [/], kernels: [/guest]}, supervision: xl}}\n";
	const char *path = arena_format(play->arena, "%s/host.yaml", play->work);
	must(play, file_write(path, text, sizeof(text) - 1, 0600), path);
	play->settings = host_settings(play->arena, path, play->report);
	must(play, play->settings, path);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static void begin(struct play *play, const char *host)
{
	const bool xen = strcmp(host, "xen") == 0;
	strcpy(play->work, "/tmp/xensteer-play-XXXXXX");
	must(play, mkdtemp(play->work), "no temporary folder");
	settings_make(play);
	play->driver = xen ? &host_xen : &host_sim;
	play->hand = xen ? &hand_xen : &hand_sim;
	play->options = (struct host_options){.target = xen ? NULL : play->work,
		.owner = owner,
		.state_dir = arena_format(play->arena, "%s/state", play->work),
		.run_dir = arena_format(play->arena, "%s/run", play->work),
		.spec = play->settings,
		.writes = true};
	if (!xen) {
		const char *from = arena_format(play->arena, "%s/host.json", play->folder);
		size_t size = 0;
		char *text = file_read(play->arena, from, 1 << 20, &size);
		must(play, text, from);
		must(play,
			file_write(arena_format(play->arena, "%s/host.json", play->work), text, size, 0600),
			"host.json");
	}
	definitions_load(play);
	play_open(play);
	play_observe(play);
}

/* What a script leaves behind would be in the way of the next one. */
static void clear(struct play *play)
{
	for (uint32_t i = 0; i < play->definitions.count; i++) {
		const struct definition *definition = play->definitions.item[i];
		struct action action = {.verb = verb_domain_destroy,
			.object = definition->domain->name,
			.uid = definition->domain->uid};
		if (have_domain(play->have, action.uid))
			(void)play_action(play, &action);
	}
}

static void end(struct play *play)
{
	clear(play);
	play_close(play);
	have_free(play->have);
	for (uint32_t i = 0; i < play->definitions.count; i++)
		want_free(((struct definition *)play->definitions.item[i])->want);
	nftw(play->work, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	report_free(play->report);
}

/* The script. */

static unsigned split(char *line, const char **words)
{
	unsigned count = 0;
	line[strcspn(line, "#\n")] = '\0';
	for (char *word; (word = strsep(&line, " \t"));)
		if (*word && count < WORDS)
			words[count++] = word;
	return count;
}

static bool awaits(const struct HaveDomain *domain)
{
	if (!KNOWN(domain, HaveDomain, power) || (domain->spec && !KNOWN(domain->spec, DomainSpec, cpus)))
		return true;
	const bool runs = domain->power == found_power_Running && domain->spec;
	for (uint32_t i = 0; runs && i < domain->spec->disks.count; i++) {
		const struct Disk *disk = domain->spec->disks.item[i];
		if (!disk->connected && !(KNOWN(disk, Disk, fault) && disk->fault != fault_none))
			return true;
	}
	for (uint32_t i = 0; runs && i < domain->spec->nics.count; i++) {
		const struct Nic *nic = domain->spec->nics.item[i];
		if (!nic->connected && !(KNOWN(nic, Nic, fault) && nic->fault != fault_none))
			return true;
	}
	return false;
}

/* What somebody is just doing is not known, nor what a program of a busy host did not say in time; frontends
 * connect when they like. All of that passes. */
static void settle(struct play *play)
{
	for (int i = 0; i < AWAIT_TRIES; i++) {
		play_observe(play);
		bool passing = !play->have->known;
		for (uint32_t k = 0; k < play->have->found->domains.count; k++)
			passing |= awaits(play->have->found->domains.item[k]);
		if (!passing)
			return;
		play->hand->wait(play, AWAIT_PACE);
	}
}

static void script_play(struct play *play, const char *path, bool verbose)
{
	struct arena *before_arena = arena_new();
	struct list before = facts_of(before_arena, play);
	char *rest = file_read(play->arena, path, 1 << 20, NULL);
	must(play, rest, path);
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *words[WORDS], *message = NULL;
		const unsigned count = split(line, words);
		if (!count)
			continue;
		const int64_t began = runner_now();
		const char *outcome = step_play(play, words, count, &message);
		for (unsigned i = 0; i < count; i++)
			printf("%s ", words[i]);
		printf("-> %s\n", outcome);
		if (verbose)
			printf("    # %lld ms: %s\n", (long long)(runner_now() - began),
				message ? message : "");
		settle(play);
		struct arena *arena = arena_new();
		struct list now = facts_of(arena, play);
		facts_print(&before, &now);
		arena_free(before_arena);
		before_arena = arena;
		before = now;
		fflush(stdout);
	}
	arena_free(before_arena);
}

int main(int argc, char **argv)
{
	const bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	argv += verbose;
	argc -= verbose;
	if (argc != 4 || (strcmp(argv[1], "xen") != 0 && strcmp(argv[1], "sim") != 0))
		play_fail("usage: play [-v] xen|sim FOLDER SCRIPT");
	ARENA_SCOPED arena = arena_new();
	struct play play = {
		.arena = arena, .report = report_new(), .folder = argv[2], .links = {.arena = arena}};
	begin(&play, argv[1]);
	script_play(&play, argv[3], verbose);
	end(&play);
	return 0;
}
