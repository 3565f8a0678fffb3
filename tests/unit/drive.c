/* Config drives on real storage, made by the real xorriso: the same bytes every time, for root alone, under a
 * name that tells nothing, and nothing left of the secrets whatever happens. */
#include "model/drive.h"
#include "scratch.h"
#include "storage/drive.h"
#include "storage/label.h"
#include "storage/storage.h"
#include "want/load.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

static struct arena *arena;
static struct report *report;
static struct runner *runner;
static struct storage *storage;
static struct want *want;
static char run_dir[64];
static const char *state;
static struct finished done;

static void begin(void)
{
	scratch_enter();
	strcpy(run_dir, "/dev/shm/xensteer-test-XXXXXX");
	cr_assert_not_null(mkdtemp(run_dir), "a tmpfs is needed");
	arena = arena_new();
	report = report_new();
	runner = runner_new();
	state = arena_format(arena, "%s/state", scratch);
	storage = storage_real(
		&(struct storage_options){
			.state_dir = state, .run_dir = run_dir, .owner = "default", .runner = runner},
		report);
	cr_assert_not_null(storage);
	cr_assert_eq(mkdir("m", 0700), 0);
}

static void end(void)
{
	want_free(want);
	want = NULL;
	storage->driver->close(storage);
	runner_free(runner);
	report_free(report);
	arena_free(arena);
	nftw(run_dir, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
	scratch_leave();
}

TestSuite(drive, .init = begin, .fini = end);

static const struct wanted_domain *load(const char *config)
{
	const char *path = "m";
	scratch_write("m/pw", "TopSecret\n");
	cr_assert_eq(chmod("m/pw", 0600), 0);
	scratch_write(
		"m/a.yaml", arena_format(arena,
				    "apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n"
				    "  memory: 64MiB\n  boot: {kernel: /boot/vmlinuz}\n"
				    "  disks: [{vdev: xvda, volume: {chain: [{file: {size: 1MiB}}]}}]\n"
				    "  config: %s\n",
				    config));
	const struct load_options options = {.paths = &path,
		.path_count = 1,
		.host = host_settings(arena, NULL, report),
		.owner = "default",
		.host_name = "dom0"};
	want_free(want);
	want = want_load(&options, report);
	cr_assert_not_null(want_domain(want, "web"));
	return want_domain(want, "web");
}

static const char nocloud[] = "{format: nocloud, hostname: web}",
		  scene[] = "{format: scene, passwordFile: pw}";

static struct action action_of(enum verb verb, const struct wanted_domain *domain)
{
	return (struct action){.id = 1,
		.verb = verb,
		.object = "Domain/web",
		.domain = domain,
		.config = domain->config,
		.uid = domain->uid};
}

static void start(const struct action *action)
{
	storage->driver->begin(storage, action, NULL);
}

static bool await(void)
{
	done = (struct finished){.arena = arena};
	while (!storage->driver->reap(storage, &done))
		runner_wait(runner, runner_now() + 1000);
	return done.outcome == OUTCOME_DONE;
}

static bool perform(enum verb verb, const struct wanted_domain *domain)
{
	const struct action action = action_of(verb, domain);
	start(&action);
	return await();
}

static struct have *look(void)
{
	struct have *have = have_new();
	storage->driver->observe(storage, want, have);
	have->known = true;
	have_sort(have);
	return have;
}

static const char *make(const char *config)
{
	const struct wanted_domain *domain = load(config);
	cr_assert(perform(verb_config_create, domain), "%s", done.message);
	return done.link.path;
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	cr_assert_eq(lstat(path, &status), 0, "%s", path);
	return status.st_mode & 07777;
}

/* How many names there are in a folder. */
static unsigned names_in(const char *path)
{
	unsigned count = 0;
	DIR *dir = opendir(path);
	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	if (dir)
		closedir(dir);
	return count;
}

static const char *run_folder(void)
{
	return arena_format(arena, "%s/config/default", run_dir);
}

static bool holds(const char *path, const char *text)
{
	size_t size;
	const char *bytes = file_read(arena, path, 4 << 20, &size);
	cr_assert_not_null(bytes, "%s", path);
	return memmem(bytes, size, text, strlen(text)) != NULL;
}

Test(drive, the_same_content_is_the_same_bytes)
{
	size_t one_size, two_size;
	const char *path = make(nocloud);
	cr_expect_not_null(strstr(path, arena_format(arena, "%s/config/", state)));
	const char *one = file_read(arena, path, 4 << 20, &one_size);
	cr_assert(perform(verb_config_remove, want_domain(want, "web")), "%s", done.message);
	cr_expect_not(scratch_has(path));
	sleep(1); /* dates have seconds */
	cr_expect_str_eq(make(nocloud), path);
	const char *two = file_read(arena, path, 4 << 20, &two_size);
	cr_assert_eq(one_size, two_size);
	cr_expect_eq(memcmp(one, two, one_size), 0);
	cr_expect(holds(path, "cidata"));
	cr_expect(holds(path, "local-hostname: web"));
}

Test(drive, it_is_for_root_alone_and_leaves_nothing_beside_it)
{
	const char *path = make(scene);
	cr_expect_eq(mode_of(path), 0600);
	cr_expect_eq(mode_of(run_folder()), 0700);
	cr_expect_eq(mode_of(arena_format(arena, "%s/config.key", state)), 0600);
	cr_expect(text_starts(path, run_dir), "a password never lies on a disk: %s", path);
	cr_expect_eq(names_in(run_folder()), 1);
	cr_expect_eq(names_in(arena_format(arena, "%s/config", state)), 0);
	cr_expect(holds(path, "password TopSecret"));
	make(nocloud);
	cr_expect_eq(mode_of(arena_format(arena, "%s/config", state)), 0700);
	cr_expect_eq(names_in(run_folder()), 1);
}

Test(drive, one_that_is_there_is_not_made_again)
{
	struct stat before, after;
	const char *path = make(scene);
	cr_assert_eq(stat(path, &before), 0);
	cr_expect_str_eq(make(scene), path);
	cr_assert_eq(stat(path, &after), 0);
	cr_expect_eq(before.st_ino, after.st_ino);
}

Test(drive, its_name_is_known_once_there_is_a_key)
{
	const struct wanted_domain *domain = load(scene);
	HAVE_SCOPED before = look();
	cr_expect_null(have_wanted_content(before, domain->uid), "there is no key yet");
	const char *path = make(scene);
	domain = want_domain(want, "web");
	HAVE_SCOPED after = look();
	const char *content = have_wanted_content(after, domain->uid);
	cr_assert_not_null(content);
	const struct HaveDrive *drive = have_drive(after, domain->uid, content);
	cr_assert_not_null(drive);
	cr_expect_str_eq(drive->path, path);
	cr_expect_str_eq(drive->id, done.link.id);
}

Test(drive, a_password_is_not_written_to_a_disk)
{
	storage->driver->close(storage);
	storage = storage_real(
		&(struct storage_options){
			.state_dir = state, .run_dir = scratch, .owner = "default", .runner = runner},
		report);
	struct statfs status;
	if (statfs(scratch, &status) == 0 && status.f_type == TMPFS_MAGIC)
		cr_skip_test("/tmp is a tmpfs here");
	cr_expect_not(perform(verb_config_create, load(scene)));
	cr_expect_eq(done.outcome, OUTCOME_TERMINAL);
	cr_expect_not_null(strstr(done.message, "is on a disk"), "%s", done.message);
	cr_expect_eq(names_in(arena_format(arena, "%s/config/default", scratch)), 0);
	cr_expect(
		perform(verb_config_create, load("{format: scene}")), "without one it may: %s", done.message);
}

Test(drive, what_a_killed_run_left_is_shredded_by_the_next)
{
	const struct wanted_domain *domain = load(scene);
	const char *stage = arena_format(arena, "%s/.%s.stage", run_folder(), domain->uid);
	const char *part = arena_format(
		arena, "%s/.%s", run_folder(), drive_name(arena, domain->uid, "0123456789abcdef"));
	part = arena_format(arena, "%s.part", part);
	cr_assert(file_folders(stage, 0700));
	scratch_write(arena_format(arena, "%s/initialize", stage), "password OldSecret\n");
	scratch_write(part, "password OldSecret\n");
	/* another name for the same bytes shows what became of them */
	cr_assert_eq(link(part, arena_format(arena, "%s/witness", run_dir)), 0);
	make(scene);
	cr_expect_not(scratch_has(stage));
	cr_expect_not(scratch_has(part));
	cr_expect_eq(names_in(run_folder()), 1);
	cr_expect_not(
		holds(arena_format(arena, "%s/witness", run_dir), "OldSecret"), "overwritten, not only gone");
}

Test(drive, removal_overwrites)
{
	const char *path = make(scene);
	const char *witness = arena_format(arena, "%s/witness", run_dir);
	cr_assert_eq(link(path, witness), 0);
	cr_expect(holds(witness, "TopSecret"));
	cr_assert(perform(verb_config_remove, want_domain(want, "web")), "%s", done.message);
	cr_expect_not(scratch_has(path));
	cr_expect_not(holds(witness, "TopSecret"));
	cr_expect(perform(verb_config_remove, want_domain(want, "web")), "absent is success");
}

Test(drive, a_program_that_fails_leaves_nothing)
{
	const struct wanted_domain *domain = load(scene);
	setenv("PATH", "/nowhere", 1);
	cr_expect_not(perform(verb_config_create, domain));
	cr_expect_not_null(strstr(done.hint, "xorriso"), "%s", done.hint);
	cr_expect_eq(names_in(run_folder()), 0);
}

Test(drive, a_program_that_is_killed_leaves_nothing_after_the_next_try)
{
	cr_assert_eq(mkdir("bin", 0700), 0);
	scratch_write("bin/xorriso", "#!/bin/sh\nkill -9 $$\n");
	cr_assert_eq(chmod("bin/xorriso", 0700), 0);
	const char *path = arena_text(arena, getenv("PATH"));
	setenv("PATH", arena_format(arena, "%s/bin:%s", scratch, path), 1);
	cr_expect_not(perform(verb_config_create, load(scene)));
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_eq(names_in(run_folder()), 0);
	setenv("PATH", path, 1);
	make(scene);
	cr_expect_eq(names_in(run_folder()), 1);
}

Test(drive, no_command_line_has_a_secret)
{
	cr_assert_eq(mkdir("bin", 0700), 0);
	scratch_write("bin/xorriso",
		arena_format(arena, "#!/bin/sh\necho \"$@\" >%s/words; env >>%s/words\nexit 1\n", scratch,
			scratch));
	cr_assert_eq(chmod("bin/xorriso", 0700), 0);
	setenv("PATH", arena_format(arena, "%s/bin:%s", scratch, getenv("PATH")), 1);
	cr_expect_not(perform(verb_config_create, load(scene)));
	cr_expect(holds("words", "-as mkisofs"));
	cr_expect_not(holds("words", "TopSecret"));
	cr_expect_null(strstr(done.message, "TopSecret"));
}

Test(drive, a_damaged_key_is_not_replaced)
{
	const struct wanted_domain *domain = load(nocloud);
	cr_assert(file_folders(state, 0700));
	scratch_write(arena_format(arena, "%s/config.key", state), "short");
	cr_expect_not(perform(verb_config_create, domain));
	cr_expect_not_null(strstr(done.message, "is no key"), "%s", done.message);
	HAVE_SCOPED have = look();
	cr_expect_null(have_wanted_content(have, domain->uid));
}

/* The volume that remembers. */

static const char *volume_make(const struct wanted_domain *domain)
{
	const struct wanted_volume *root = domain->config->root->volume;
	const char *folder = arena_format(arena, "%s/volumes/%s", state, root->uid);
	struct Label *label = type_new(arena, &type_Label);
	struct LayerFound *layer = type_new(arena, &type_LayerFound);
	cr_assert(file_folders(folder, 0700));
	KNOW(label, Label, owner, "default");
	KNOW(label, Label, kind, "Domain");
	KNOW(label, Label, name, root->name);
	KNOW(label, Label, uid, root->uid);
	KNOW(layer, LayerFound, layer, "file");
	label->at[Label_chain] = &mark_observed;
	list_add(arena, &label->chain, layer);
	cr_assert(label_write(folder, label));
	return folder;
}

static struct Label *label_of(const char *folder)
{
	struct Label *label = NULL;
	const char *why = "";
	cr_assert_eq(
		label_read(arena, folder, strrchr(folder, '/') + 1, &label, &why), LABEL_READ, "%s", why);
	return label;
}

Test(drive, the_label_of_the_root_volume_remembers_the_content)
{
	const struct wanted_domain *domain = load(scene);
	const char *folder = volume_make(domain);
	struct action failed = action_of(verb_config_record, domain);
	failed.failure = "ConfigTimeout: nothing";
	start(&failed);
	cr_assert(await(), "%s", done.message);
	HAVE_SCOPED have = look();
	const char *content = have_wanted_content(have, domain->uid);
	cr_expect_str_eq(
		label_of(folder)->configFailed, arena_format(arena, "%s ConfigTimeout: nothing", content));
	cr_expect_not(KNOWN(label_of(folder), Label, config));
	cr_assert(perform(verb_config_record, domain), "%s", done.message);
	cr_expect_str_eq(label_of(folder)->config, content);
	cr_expect_not(KNOWN(label_of(folder), Label, configFailed), "it was given it after all");
	cr_expect_not(holds(arena_format(arena, "%s/volume.json", folder), "TopSecret"));
}

Test(drive, sweeping_takes_what_belongs_to_nobody)
{
	const char *mine = make(scene);
	const char *foreign = arena_format(arena, "%s/%s", run_folder(),
		drive_name(arena, "11111111-2222-5333-8444-555555555555", "0123456789abcdef"));
	const char *stage =
		arena_format(arena, "%s/.11111111-2222-5333-8444-555555555555.stage", run_folder());
	const char *other = arena_format(arena, "%s/notes", run_folder());
	scratch_write(foreign, "OldSecret");
	scratch_write(other, "not ours");
	cr_assert_eq(mkdir(stage, 0700), 0);
	HAVE_SCOPED have = look();
	storage->driver->sweep(storage, want, have);
	cr_expect(scratch_has(mine), "its domain is wanted");
	cr_expect_not(scratch_has(foreign));
	cr_expect_not(scratch_has(stage));
	cr_expect(scratch_has(other), "what is not named by us stays");
}

Test(drive, a_link_in_the_place_of_a_drive_is_not_followed)
{
	const char *path = make(scene);
	const char *target = arena_format(arena, "%s/precious", scratch);
	scratch_write(target, "precious");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(symlink(target, path), 0);
	cr_assert(perform(verb_config_remove, want_domain(want, "web")), "%s", done.message);
	cr_expect_not(scratch_has(path));
	cr_expect(holds(target, "precious"));
}
