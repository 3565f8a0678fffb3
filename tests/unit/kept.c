/* Last good forms: what breaks a file on its way to being saved does not reach WANT, and what its author
 * meant does. */
#include "want/kept.h"
#include "scratch.h"
#include <stdarg.h>

static struct arena *arena;
static struct kept *kept;
static struct report *report;
static struct HostSpec *host;
static struct want *want;

static void begin(void)
{
	scratch_enter();
	arena = arena_new();
	kept = kept_new();
	report = report_new();
	host = host_settings(arena, NULL, report);
	cr_assert_not_null(host);
	cr_assert(file_folders("m", 0755));
}

static void end(void)
{
	want_free(want);
	report_free(report);
	kept_free(kept);
	arena_free(arena);
	scratch_leave();
}

TestSuite(kept, .init = begin, .fini = end);

/* A load of the folder m; what the one before gave is gone. */
static void load_paths(const char *const *paths, size_t count)
{
	want_free(want);
	report_free(report);
	report = report_new();
	const struct load_options options = {
		.paths = paths, .path_count = count, .host = host, .owner = "default", .host_name = "dom0"};
	want = want_load_kept(&options, kept, report);
}

static void load(void)
{
	const char *path = "m";
	load_paths(&path, 1);
}

static const char *domain_with(const char *name, int memory, const char *more)
{
	return arena_format(arena,
		"apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: %s}\n"
		"spec: {memory: %dMiB, boot: {kernel: /boot/vmlinuz}%s}\n",
		name, memory, more);
}

static const char *domain(const char *name, int memory)
{
	return domain_with(name, memory, "");
}

static const char *volume(const char *name, const char *layer)
{
	return arena_format(arena,
		"apiVersion: xensteer/v1\nkind: Volume\nmetadata: {name: %s}\nspec: {chain: [%s]}\n", name,
		layer);
}

static const char *image(const char *name, const char *format)
{
	return arena_format(arena,
		"apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: %s}\nspec: {path: %s.img, format: "
		"%s}\n",
		name, name, format);
}

/* Documents of one file. */
static const char *documents(const char *first, const char *second)
{
	return arena_format(arena, "%s---\n%s", first, second);
}

/* The memory that WANT has for a domain in MiB, 0 where it has none; `is_kept`: as it was earlier. */
static int memory_of(const char *name, bool is_kept)
{
	const struct wanted_domain *found = want_domain(want, name);
	if (!found)
		return 0;
	cr_expect_eq(found->object->kept, is_kept, "%s", name);
	cr_expect_not(found->object->broken);
	return (int)(found->spec->memory >> 20);
}

static size_t errors(void)
{
	return report_count(report, SEVERITY_ERROR);
}

static const struct source_root *root(void)
{
	return want->roots.item[0];
}

Test(kept, a_half_written_file_leaves_its_object_as_it_was)
{
	scratch_write("m/a.yaml", domain("a", 512));
	scratch_write("m/b.yaml", domain("b", 256));
	load();
	cr_expect(want->complete);
	cr_expect_eq(memory_of("a", false), 512);

	const char *whole = domain("a", 1024);
	for (size_t size = 1; size < strlen(whole) - 2; size++) {
		scratch_write("m/a.yaml", arena_copy(arena, whole, size));
		load();
		cr_expect_eq(memory_of("a", true), 512, "%zu bytes", size);
		cr_expect_eq(memory_of("b", false), 256);
		cr_expect(errors(), "%zu bytes", size);
		cr_expect_not(want->complete, "%zu bytes", size);
		cr_expect_eq(root()->broken, 1);
	}
	scratch_write("m/a.yaml", whole);
	load();
	cr_expect_eq(memory_of("a", false), 1024);
	cr_expect(want->complete);
	cr_expect_eq(errors(), 0);
}

Test(kept, what_was_never_good_is_not_in_want)
{
	scratch_write("m/a.yaml",
		"apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: a}\nspec: {memory: 1}\n");
	load();
	cr_expect_null(want_domain(want, "a"));
	load();
	cr_expect_null(want_domain(want, "a"));
	cr_assert_not_null(want_object(want, KIND_DOMAIN, "a"));
	cr_expect(want_object(want, KIND_DOMAIN, "a")->broken);
	cr_expect_not(want_object(want, KIND_DOMAIN, "a")->kept);
}

Test(kept, zero_bytes_are_no_deletion)
{
	scratch_write("m/a.yaml", documents(domain("a", 512), domain("b", 256)));
	load();
	scratch_write("m/a.yaml", "");
	for (int i = 0; i < 3; i++) {
		load();
		cr_expect_eq(memory_of("a", true), 512);
		cr_expect_eq(memory_of("b", true), 256);
		cr_expect_not(want->complete);
	}
	scratch_write("m/a.yaml", "# nothing here any more\n");
	load();
	cr_expect_eq(want->domains.count, 0);
	cr_expect(want->complete);
	scratch_write("m/a.yaml", "");
	load();
	cr_expect_eq(want->domains.count, 0, "it was forgotten");
}

Test(kept, an_editor_that_renames_in_place)
{
	scratch_write("m/a.yaml", domain("a", 512));
	load();
	/* moved to a backup's name, which is another ending; then the new file comes in */
	cr_assert_eq(rename("m/a.yaml", "m/a.yaml~"), 0);
	scratch_write("m/a.yaml", "apiVersion: xenst");
	load();
	cr_expect_eq(memory_of("a", true), 512);
	scratch_write("m/.a.yaml.swp", domain("a", 768));
	cr_assert_eq(rename("m/.a.yaml.swp", "m/a.yaml"), 0);
	load();
	cr_expect_eq(memory_of("a", false), 768);
	cr_expect(want->complete);
}

Test(kept, a_document_in_front_moves_the_lines_of_today_and_not_those_of_then)
{
	scratch_write("m/a.yaml", documents(domain("a", 512), domain("b", 256)));
	load();
	scratch_write("m/a.yaml", documents(domain("new", 128), documents(domain("a", 640), domain("b", 1))));
	load();
	cr_expect_eq(memory_of("new", false), 128, "what is good in a broken file goes on");
	cr_expect_eq(memory_of("a", false), 640);
	cr_expect_eq(memory_of("b", true), 256);
	const struct object *object = want_domain(want, "b")->object;
	cr_expect_str_eq(object->at->file->name, "m/a.yaml");
	cr_expect_eq(object->at->line, 8);
	cr_expect_eq(object->at->column, 18);
	const struct mark *memory = object->domain->spec->at[DomainSpec_memory];
	cr_expect_eq(memory->line, 9);
	cr_expect_eq(strncmp(strstr(memory->file->text, "memory: 256"), "memory: 256MiB", 14), 0);
	const struct diagnostic *first;
	cr_assert_eq(report_all(report, &first), 1, "once, and of the text of today");
	cr_expect_eq(first->mark.line, 14);
}

Test(kept, a_broken_document_in_front_hides_those_behind_it)
{
	scratch_write("m/a.yaml", documents(domain("a", 512), domain("b", 256)));
	load();
	scratch_write(
		"m/a.yaml", documents("apiVersion: [\n", documents(domain("a", 640), domain("b", 300))));
	load();
	cr_expect_eq(memory_of("a", true), 512);
	cr_expect_eq(memory_of("b", true), 256);
}

Test(kept, taken_out_of_a_good_file_is_gone_whatever_else_is_broken)
{
	scratch_write("m/a.yaml", documents(domain("a", 512), domain("b", 256)));
	scratch_write("m/c.yaml", domain("c", 128));
	load();
	scratch_write("m/c.yaml", "{");
	scratch_write("m/a.yaml", domain("a", 512));
	load();
	cr_expect_eq(memory_of("b", true), 0);
	cr_expect_null(want_object(want, KIND_DOMAIN, "b"));
	cr_expect_eq(memory_of("c", true), 128);
	cr_expect_eq(memory_of("a", false), 512);
}

Test(kept, a_removed_file_counts_when_the_rest_is_whole)
{
	scratch_write("m/a.yaml", domain("a", 512));
	scratch_write("m/c.yaml", domain("c", 128));
	load();
	scratch_write("m/c.yaml", "{");
	cr_assert_eq(unlink("m/a.yaml"), 0);
	load();
	cr_expect_eq(memory_of("a", true), 512, "it may have been moved into what is broken");
	scratch_write("m/c.yaml", domain("c", 160));
	load();
	cr_expect_eq(memory_of("a", true), 0);
	cr_expect_eq(memory_of("c", false), 160);
	cr_expect(want->complete);
}

Test(kept, moved_to_another_file_it_is_as_it_stands_there)
{
	scratch_write("m/a.yaml", domain("a", 512));
	scratch_write("m/c.yaml", domain("c", 128));
	load();
	scratch_write("m/a.yaml", "{");
	scratch_write("m/c.yaml", documents(domain("c", 128), domain("a", 640)));
	load();
	cr_expect_eq(memory_of("a", false), 640);
	scratch_write("m/a.yaml", domain("a", 700));
	load();
	cr_expect_eq(memory_of("a", true), 640, "declared twice is an error of both");
	cr_expect_eq(memory_of("c", false), 128);
}

Test(kept, a_path_that_goes_away_takes_nothing_with_it)
{
	scratch_write("m/a.yaml", domain("a", 512));
	load();
	cr_assert_eq(rename("m", "elsewhere"), 0);
	load();
	cr_expect_eq(memory_of("a", true), 512);
	cr_expect_not(want->complete);
	cr_expect(root()->missing);
	cr_expect(file_folders("m", 0755));
	load();
	cr_expect_eq(memory_of("a", true), 0, "an empty folder is whole");
}

Test(kept, each_root_for_itself)
{
	cr_assert(file_folders("n", 0755));
	const char *const paths[] = {"m", "n"};
	scratch_write("m/a.yaml", domain("a", 512));
	scratch_write("n/b.yaml", domain("b", 256));
	load_paths(paths, 2);
	scratch_write("n/b.yaml", "{");
	cr_assert_eq(unlink("m/a.yaml"), 0);
	load_paths(paths, 2);
	cr_expect_eq(memory_of("a", true), 0);
	cr_expect_eq(memory_of("b", true), 256);
	cr_expect_eq(want_domain(want, "b")->object->root, want->roots.item[1]);
	load_paths(paths, 1);
	cr_expect_eq(want->domains.count, 0, "a source that is not given any more");
	cr_expect(want->complete);
}

Test(kept, what_names_a_broken_object_goes_on_with_what_that_was)
{
	static const char disk[] = ", disks: [{vdev: xvda, volume: data}]";
	scratch_write("m/image.yaml", image("base", "raw"));
	scratch_write("m/volume.yaml", volume("data", "{image: {name: base}}, {overlay: {}}"));
	scratch_write("m/domain.yaml", domain_with("a", 512, disk));
	load();
	cr_assert_eq(errors(), 0);
	scratch_write("m/image.yaml", image("base", "rar"));
	scratch_write("m/domain.yaml", domain_with("a", 640, disk));
	load();
	cr_expect_eq(memory_of("a", false), 640, "nothing is wrong with it");
	cr_expect(want_image(want, "base")->object->kept);
	cr_expect_not(want_object(want, KIND_VOLUME, "data")->broken);
	cr_expect_not(want_object(want, KIND_VOLUME, "data")->kept);
	cr_expect_eq(errors(), 1);

	scratch_write("m/domain.yaml", domain_with("a", 700, ", disks: [{vdev: xvda, volume: date}]"));
	load();
	cr_expect_eq(memory_of("a", true), 640, "what it names is not there");
}

Test(kept, what_cannot_live_with_the_last_good_form_of_another_keeps_its_own)
{
	scratch_write("m/volume.yaml", volume("data", "{file: {size: 1GiB}}"));
	scratch_write("m/domain.yaml", domain_with("a", 512, ", disks: [{vdev: xvda, volume: data}]"));
	load();
	cr_assert_eq(errors(), 0);
	/* neither half of a change arrives without the other */
	scratch_write("m/volume.yaml", "{");
	scratch_write("m/domain.yaml", domain_with("a", 640, ", disks: [{vdev: xvda, volume: {name: dat}}]"));
	load();
	cr_expect_eq(memory_of("a", true), 512);
	cr_expect_not_null(want_domain(want, "a")->disks.item[0]);
	cr_expect(want_object(want, KIND_VOLUME, "data")->kept);
}

Test(kept, where_two_exclude_each_other_the_later_one_stands)
{
	static const char nic[] = ", nics: [{name: lan, mac: \"00:16:3e:00:00:01\"}]";
	scratch_write("m/a.yaml", domain_with("a", 512, nic));
	scratch_write("m/b.yaml", domain("b", 256));
	load();
	scratch_write("m/a.yaml", "{");
	scratch_write("m/b.yaml", domain_with("b", 300, nic));
	load();
	cr_expect_eq(memory_of("b", false), 300);
	cr_expect_eq(memory_of("a", true), 0);
	cr_expect(want_object(want, KIND_DOMAIN, "a")->broken);
	cr_expect_eq(errors(), 1, "only what is wrong today");
	/* b gives it back, then breaks: a is as it was, b as it was last */
	scratch_write("m/b.yaml", domain("b", 310));
	load();
	cr_expect_eq(memory_of("a", true), 512);
	cr_expect_eq(memory_of("b", false), 310);
	scratch_write("m/b.yaml", "");
	load();
	cr_expect_eq(memory_of("a", true), 512);
	cr_expect_eq(memory_of("b", true), 310);
}

Test(kept, of_two_that_are_both_broken_the_one_that_was_good_last_stands)
{
	static const char nic[] = ", nics: [{name: lan, mac: \"00:16:3e:00:00:01\"}]";
	scratch_write("m/a.yaml", domain_with("a", 512, nic));
	load();
	scratch_write("m/a.yaml", "{");
	scratch_write("m/b.yaml", domain_with("b", 300, nic));
	load();
	scratch_write("m/b.yaml", "{");
	load();
	cr_expect_eq(memory_of("b", true), 300);
	cr_expect_eq(memory_of("a", true), 0);
}

Test(kept, a_writer_of_today_is_not_held_up_by_one_of_yesterday)
{
	static const char disk[] = ", disks: [{vdev: xvda, volume: data}]";
	scratch_write("m/volume.yaml", volume("data", "{file: {size: 1GiB}}"));
	scratch_write("m/a.yaml", domain_with("a", 512, disk));
	scratch_write("m/b.yaml", domain("b", 256));
	load();
	scratch_write("m/a.yaml", "");
	scratch_write("m/b.yaml", domain_with("b", 300, disk));
	load();
	cr_expect_eq(memory_of("b", false), 300);
	cr_expect_eq(memory_of("a", true), 0);
	scratch_write("m/b.yaml", domain("b", 310));
	load();
	cr_expect_eq(memory_of("a", true), 512);
}

Test(kept, a_renamed_object_does_not_meet_its_former_self)
{
	scratch_write("m/a.yaml", domain("web", 512));
	scratch_write("m/b.yaml", domain("b", 256));
	load();
	char uid[UID_SIZE];
	strcpy(uid, want_domain(want, "web")->uid);
	scratch_write("m/b.yaml", "{");
	cr_assert_eq(rename("m/a.yaml", "m/www.yaml"), 0);
	scratch_write("m/www.yaml",
		"apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: www, renamedFrom: web}\n"
		"spec: {memory: 600MiB, boot: {kernel: /boot/vmlinuz}}\n");
	load();
	cr_expect_eq(memory_of("www", false), 600);
	cr_expect_eq(memory_of("web", true), 0);
	cr_expect_str_eq(want_domain(want, "www")->uid, uid);
	cr_expect_eq(memory_of("b", true), 256);
}

Test(kept, a_key_twice_breaks_its_object)
{
	scratch_write("m/a.yaml", domain("a", 512));
	load();
	scratch_write("m/a.yaml", domain_with("a", 512, ", memory: 1GiB"));
	load();
	cr_expect_eq(memory_of("a", true), 512);
	cr_expect_eq(errors(), 2);
}

Test(kept, json_too)
{
	scratch_write("m/a.json",
		"{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Image\",\n"
		"\"metadata\": {\"name\": \"d\"},\n\"spec\": {\"path\": \"d.img\", \"format\": \"raw\"}}");
	load();
	cr_assert_eq(errors(), 0);
	scratch_write("m/a.json", "{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Image\",\n\"meta");
	load();
	cr_assert_not_null(want_image(want, "d"));
	cr_expect(want_image(want, "d")->object->kept);
	cr_expect_eq(want_image(want, "d")->object->at->line, 2);
}

Test(kept, wants_outlive_what_is_remembered)
{
	scratch_write("m/a.yaml", domain("a", 512));
	load();
	scratch_write("m/a.yaml", "{");
	load();
	kept_free(kept);
	kept = kept_new();
	cr_expect_eq(memory_of("a", true), 512);
	cr_expect_str_eq(want_domain(want, "a")->name, "a");
	cr_expect_not_null(strstr(want_domain(want, "a")->object->at->file->text, "512MiB"));
}

Test(kept, thousands_of_loads_hold_no_more_than_a_few)
{
	size_t most = 0;
	for (int i = 0; i < 2000; i++) {
		scratch_write("m/a.yaml",
			i % 3 == 0 ? "" : documents(domain("a", 512 + i % 7), domain("b", i % 5 ? 256 : 1)));
		scratch_write("m/c.yaml", i % 11 ? domain("c", 64) : "{");
		load();
		arena_reset(arena);
		host = host_settings(arena, NULL, report);
		if (i == 100)
			most = kept_size(kept);
		cr_assert(i < 100 || kept_size(kept) <= most, "load %d: %zu bytes", i, kept_size(kept));
	}
	cr_expect_eq(memory_of("b", false), 256);
}

/* Random edits of twenty objects, two to a file. The model knows, per object, what a load must have: the form
 * in which it was loaded without an error last, unless its file came back good without it, or went away from
 * a source that was whole. */
enum { FILES = 10, OBJECTS = 2, EDITS = 500, SEEDS = 4 };

enum document_state { DOCUMENT_ABSENT, DOCUMENT_BROKEN, DOCUMENT_GOOD, DOCUMENT_STATES };
enum file_state { FILE_GONE, FILE_CUT, FILE_WHOLE };

struct modelled_file {
	enum file_state state;
	struct {
		enum document_state state;
		int memory; /* as it is written, good or not */
		int good;   /* as it was when it was good last; 0: never, or forgotten */
	} object[OBJECTS];
};

static unsigned next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*state >> 33);
}

static const char *object_name(int file, int index)
{
	return arena_format(arena, "d%d-%d", file, index);
}

static void edit(struct modelled_file *file, int number, uint64_t *random)
{
	const char *path = arena_format(arena, "m/%d.yaml", number);
	const char *text = "# manifests\n";
	for (int i = 0; i < OBJECTS; i++) {
		if (!file->object[i].memory || next_random(random) % 2)
			file->object[i].memory = 64 + (int)(next_random(random) % 1000);
		/* mostly good ones */
		const unsigned state = next_random(random) % (DOCUMENT_STATES + 3);
		file->object[i].state = state < DOCUMENT_STATES ? (enum document_state)state : DOCUMENT_GOOD;
		if (file->object[i].state != DOCUMENT_ABSENT)
			text = documents(
				text, domain_with(object_name(number, i), file->object[i].memory,
					      file->object[i].state == DOCUMENT_BROKEN ? ", memroy: 1" : ""));
	}
	const unsigned state = next_random(random) % 6;
	file->state = state <= FILE_WHOLE ? (enum file_state)state : FILE_WHOLE;
	if (file->state == FILE_GONE) {
		unlink(path);
		return;
	}
	if (file->state == FILE_CUT) {
		/* to nothing, or within the first document, before its memory is written */
		const char *memory = strstr(text, "MiB");
		size_t begins = strlen("# manifests\n---\n");
		size_t size = memory ? next_random(random) % ((size_t)(memory - text) - begins) : 0;
		text = arena_copy(arena, text, size ? begins + size : 0);
	}
	scratch_write(path, text);
}

static bool is_good(const struct modelled_file *file)
{
	if (file->state != FILE_WHOLE)
		return false;
	for (int i = 0; i < OBJECTS; i++)
		if (file->object[i].state == DOCUMENT_BROKEN)
			return false;
	return true;
}

static void expect_modelled(struct modelled_file *files, int step)
{
	bool whole = true;
	for (int i = 0; i < FILES; i++)
		whole &= files[i].state == FILE_GONE || is_good(&files[i]);
	cr_assert_eq(want->complete, whole, "step %d", step);
	for (int i = 0; i < FILES; i++) {
		struct modelled_file *file = &files[i];
		for (int k = 0; k < OBJECTS; k++) {
			const bool today =
				file->state == FILE_WHOLE && file->object[k].state == DOCUMENT_GOOD;
			if (today)
				file->object[k].good = file->object[k].memory;
			else if (file->state == FILE_GONE ? whole : is_good(file))
				file->object[k].good = 0;
			const int has = memory_of(object_name(i, k), !today);
			cr_assert_eq(has, file->object[k].good, "step %d, object %d-%d: %d, not %d", step, i,
				k, has, file->object[k].good);
		}
	}
}

Test(kept, random_edits_of_twenty_objects)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t random = seed;
		struct modelled_file files[FILES] = {0};
		kept_free(kept);
		kept = kept_new();
		for (int i = 0; i < FILES; i++)
			unlink(arena_format(arena, "m/%d.yaml", i));
		int wholes = 0, keeps = 0;
		for (int step = 0; step < EDITS; step++) {
			arena_reset(arena);
			host = host_settings(arena, NULL, report);
			for (unsigned count = next_random(&random) % 3 + 1; count; count--) {
				int number = (int)(next_random(&random) % FILES);
				edit(&files[number], number, &random);
			}
			/* now and then all is mended, or a source would hardly ever be whole */
			if (next_random(&random) % 8 == 0)
				for (int i = 0; i < FILES; i++)
					while (files[i].state != FILE_GONE && !is_good(&files[i]))
						edit(&files[i], i, &random);
			load();
			expect_modelled(files, step);
			wholes += want->complete;
			for (uint32_t i = 0; i < want->objects.count; i++)
				keeps += ((const struct object *)want->objects.item[i])->kept;
		}
		cr_expect_gt(wholes, EDITS / 20, "the edits are such that both happens");
		cr_expect_gt(keeps, EDITS / 2);
	}
}
