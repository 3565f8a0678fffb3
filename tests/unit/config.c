/* Config drives as manifests ask for them: which files may be named, what comes onto the drive, what it is
 * called, and that a last good form keeps its password. */
#include "model/drive.h"
#include "scratch.h"
#include "want/kept.h"
#include "want/load.h"

static struct arena *arena;
static struct report *report;
static struct want *want;
static bool away;

static void begin(void)
{
	scratch_enter();
	arena = arena_new();
	report = report_new();
	away = false;
	cr_assert_eq(mkdir("m", 0700), 0);
}

static void end(void)
{
	want_free(want);
	want = NULL;
	report_free(report);
	arena_free(arena);
	scratch_leave();
}

TestSuite(config, .init = begin, .fini = end);

static void put(const char *path, const char *text, mode_t mode)
{
	scratch_write(path, text);
	cr_assert_eq(chmod(path, mode), 0);
}

static void put_domain(const char *config)
{
	put("m/a.yaml",
		arena_format(arena,
			"apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n"
			"  memory: 64MiB\n  boot: {kernel: /boot/vmlinuz}\n"
			"  disks: [{vdev: xvda, volume: {chain: [{file: {size: 1MiB}}]}}]\n"
			"  config: %s\n",
			config),
		0644);
}

static struct load_options options_of(const char **path)
{
	return (struct load_options){.away = away,
		.paths = path,
		.path_count = 1,
		.host = host_settings(arena, NULL, report),
		.owner = "default",
		.host_name = "dom0"};
}

/* Diagnostics point into the texts of their WANT. */
static void forget(void)
{
	report_free(report);
	report = report_new();
	want_free(want);
	want = NULL;
}

static const struct wanted_config *load(void)
{
	const char *path = "m";
	const struct load_options options = options_of(&path);
	forget();
	want = want_load(&options, report);
	const struct wanted_domain *domain = want_domain(want, "web");
	return domain ? domain->config : NULL;
}

static const char *first_error(void)
{
	const struct diagnostic *all;
	return report_all(report, &all) ? all[0].message : "";
}

static void is_refused(const char *words)
{
	cr_expect_null(load());
	cr_expect_not_null(strstr(first_error(), words), "'%s' lacks '%s'", first_error(), words);
}

static const char *file_of(const struct wanted_config *config, const char *name)
{
	for (uint32_t i = 0; i < config->files.count; i++) {
		const struct config_file *file = config->files.item[i];
		if (strcmp(file->name, name) == 0)
			return arena_copy(arena, file->bytes, file->size);
	}
	return NULL;
}

Test(config, nocloud_has_what_cloud_init_must_find)
{
	put_domain("{format: nocloud}");
	const struct wanted_config *config = load();
	cr_assert_not_null(config, "%s", first_error());
	cr_expect_eq(config->files.count, 2);
	cr_expect_str_eq(file_of(config, "user-data"), "#cloud-config\n{}\n");
	cr_expect_str_eq(file_of(config, "meta-data"),
		arena_format(arena, "instance-id: %s\nlocal-hostname: web\n", want_domain(want, "web")->uid));
	cr_expect_eq(config->timeout, 0, "nobody waits unless it is asked for");
	cr_expect_not(config->password);
}

Test(config, nocloud_takes_files_beside_its_manifest)
{
	put("m/ud", "#!/bin/sh\n", 0644);
	put("m/nc", "version: 2\n", 0644);
	put_domain("{format: nocloud, userDataFile: ud, networkConfigFile: nc, hostname: other, "
		   "acknowledge: {timeout: 7s}}");
	const struct wanted_config *config = load();
	cr_assert_not_null(config, "%s", first_error());
	cr_expect_str_eq(((struct config_file *)config->files.item[0])->name, "meta-data", "in order");
	cr_expect_str_eq(file_of(config, "user-data"), "#!/bin/sh\n");
	cr_expect_str_eq(file_of(config, "network-config"), "version: 2\n");
	cr_expect_not_null(strstr(file_of(config, "meta-data"), "local-hostname: other\n"));
	cr_expect_eq(config->timeout, 7);
}

Test(config, a_new_instance_is_one_with_other_content)
{
	put("m/ud", "#!/bin/sh\n", 0644);
	put_domain("{format: nocloud, userDataFile: ud, onChange: recreate}");
	const char *one = arena_text(arena, file_of(load(), "meta-data"));
	const char *again = arena_text(arena, file_of(load(), "meta-data"));
	put("m/ud", "#!/bin/bash\n", 0644);
	const char *other = arena_text(arena, file_of(load(), "meta-data"));
	cr_expect_str_eq(one, again);
	cr_expect_str_neq(one, other);
}

Test(config, scene_is_three_lines_and_a_password_from_a_file)
{
	put("m/pw", "TopSecret\n", 0600);
	put_domain("{format: scene, passwordFile: pw, address: 10.0.0.7}");
	const struct wanted_config *config = load();
	cr_assert_not_null(config, "%s", first_error());
	cr_expect_eq(config->files.count, 1);
	cr_expect_str_eq(
		file_of(config, "initialize"), "hostname web\npassword TopSecret\nipaddr 10.0.0.7\n");
	cr_expect(config->password);
	cr_expect_eq(config->timeout, 300, "an old guest always answers");
	cr_expect_str_eq(config->disk->vdev, "xvdd");
	cr_expect_eq(config->disk->access, access_ro);
}

Test(config, a_secret_file_is_secret)
{
	put_domain("{format: scene, passwordFile: pw}");
	put("m/pw", "TopSecret\n", 0640);
	is_refused("others than its owner may use it");
	put("m/pw", "TopSecret\n", 0604);
	is_refused("others than its owner may use it");
	put("m/pw", "TopSecret\n", 0600);
	if (geteuid() == 0) {
		cr_assert_eq(chown("m/pw", 12345, 0), 0);
		is_refused("belongs to neither root nor you");
		cr_assert_eq(chown("m/pw", 0, 0), 0);
	}
	cr_expect_not_null(load());
	const char *const bad[] = {"", "\n", "two words\n", "one\ntwo\n", "a\tb\n", "\x7f\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put("m/pw", bad[i], 0600);
		cr_expect_null(load(), "%zu", i);
		cr_expect_null(strstr(first_error(), "two"), "what it holds is not shown: %s", first_error());
	}
}

Test(config, a_secret_that_is_elsewhere_is_not_known_there)
{
	put_domain("{format: scene, passwordFile: pw}");
	is_refused("is not there");
	away = true;
	const struct wanted_config *config = load();
	cr_assert_not_null(config, "%s", first_error());
	cr_expect_not(config->known);
	put("m/pw", "TopSecret\n", 0644);
	cr_expect(load()->known, "a checkout has no modes");
	put_domain("{format: nocloud, userDataFile: gone}");
	is_refused("is not there");
}

Test(config, no_link_leads_out_of_the_folders_that_are_allowed)
{
	put("outside", "TopSecret\n", 0600);
	cr_assert_eq(mkdir("m/sub", 0700), 0);
	put("m/sub/ud", "#!/bin/sh\n", 0600);
	put_domain("{format: nocloud, userDataFile: link}");
	cr_assert_eq(symlink("../outside", "m/link"), 0);
	is_refused("leads out of");
	cr_assert_eq(unlink("m/link"), 0);
	cr_assert_eq(symlink("/etc/passwd", "m/link"), 0);
	is_refused("leads out of");
	cr_assert_eq(unlink("m/link"), 0);
	cr_assert_eq(symlink("sub/ud", "m/link"), 0);
	cr_expect_not_null(load(), "%s", first_error());
	cr_assert_eq(unlink("m/link"), 0);
	cr_assert_eq(mkfifo("m/link", 0600), 0);
	is_refused("is no regular file");
}

Test(config, a_file_is_bounded)
{
	put_domain("{format: nocloud, userDataFile: ud}");
	put("m/ud", "x", 0644);
	cr_assert_eq(truncate("m/ud", 1 << 20), 0);
	cr_expect_not_null(load(), "%s", first_error());
	cr_assert_eq(truncate("m/ud", (1 << 20) + 1), 0);
	is_refused("larger than 1MiB");
}

static const char *name_of(const struct wanted_config *config, const char *key)
{
	uint8_t bytes[DRIVE_KEY_SIZE] = {0};
	char content[DRIVE_CONTENT_SIZE];
	memcpy(bytes, key, strlen(key));
	drive_content(bytes, want_domain(want, "web")->uid, config, content);
	return arena_text(arena, content);
}

Test(config, a_drive_is_named_by_key_and_content)
{
	put("m/pw", "TopSecret\n", 0600);
	put_domain("{format: scene, passwordFile: pw}");
	const char *one = name_of(load(), "one");
	cr_expect_str_eq(one, name_of(load(), "one"));
	cr_expect_str_neq(one, name_of(load(), "other"), "another host's key");
	put("m/pw", "TopSecreu\n", 0600);
	cr_expect_str_neq(one, name_of(load(), "one"));
	put("m/pw", "TopSecret\n", 0600);
	put_domain("{format: scene, passwordFile: pw, vdev: xvde}");
	cr_expect_str_neq(one, name_of(load(), "one"));
	put_domain("{format: scene, passwordFile: pw, onFailure: keep, detach: acknowledged}");
	cr_expect_str_eq(one, name_of(load(), "one"), "only what the guest sees");
}

Test(config, names_of_drives_are_read_back_and_nothing_else_is)
{
	static const char domain[] = "11111111-2222-5333-8444-555555555555";
	char uid[UID_SIZE], content[DRIVE_CONTENT_SIZE];
	char *path = arena_format(arena, "/x/%s", drive_name(arena, domain, "0123456789abcdef"));
	cr_assert(drive_parse(path, uid, content));
	cr_expect_str_eq(uid, domain);
	cr_expect_str_eq(content, "0123456789abcdef");
	const char *const others[] = {"", "/", "a.iso",
		"11111111-2222-5333-8444-555555555555-0123456789abcde.iso",
		"11111111-2222-5333-8444-555555555555-0123456789abcdeg.iso",
		"11111111-2222-5333-8444-555555555555-0123456789abcdef.iso.part",
		".11111111-2222-5333-8444-555555555555-0123456789abcdef.iso",
		"11111111-2222-5333-8444-55555555555X-0123456789abcdef.iso"};
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		cr_expect_not(drive_parse(others[i], uid, content), "%s", others[i]);
}

Test(config, a_last_good_form_has_the_password_that_it_had)
{
	const char *path = "m";
	const struct load_options options = options_of(&path);
	struct kept *kept = kept_new();
	put_domain("{format: scene, password: TopSecret, hostname: after}");
	want = want_load_kept(&options, kept, report);
	cr_assert_not_null(want_domain(want, "web"));
	const char *good = name_of(want_domain(want, "web")->config, "key");
	for (int i = 0; i < 2; i++) {
		forget();
		put("m/a.yaml",
			"apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: web}\nspec: {memory: 1}\n",
			0644);
		want = want_load_kept(&options, kept, report);
		cr_assert_not_null(want_domain(want, "web"), "its last good form stands");
		cr_expect_str_eq(name_of(want_domain(want, "web")->config, "key"), good);
	}
	kept_free(kept);
}

/* One that is judged in several rounds of a load is the same in each. */
Test(config, a_password_survives_further_rounds)
{
	const char *path = "m";
	const struct load_options options = options_of(&path);
	struct kept *kept = kept_new();
	put_domain("{format: scene, password: TopSecret}");
	put("m/b.yaml",
		"apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: i}\nspec: {path: i, format: raw}\n",
		0644);
	want = want_load_kept(&options, kept, report);
	const char *good = name_of(want_domain(want, "web")->config, "key");
	forget();
	put("m/b.yaml", "apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: i}\nspec: {path: i}\n", 0644);
	want = want_load_kept(&options, kept, report);
	cr_assert_not_null(want_domain(want, "web"));
	cr_expect_not_null(want_image(want, "i"), "there was a second round");
	cr_expect_str_eq(name_of(want_domain(want, "web")->config, "key"), good);
	kept_free(kept);
}

Test(config, no_diagnostic_shows_a_password)
{
	static const char *const texts[] = {
		"{format: scene, password: TopSecret, hostname: \"\"}",
		"{format: scene, password: TopSecret, fromat: x",
		"{format: scene, password: TopSecret}}\n  - [",
		"\n    format: scene\n    password: TopSecret\n   hostname: x",
		"\n    format: scene\n    password: \"TopSecret\n",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		put_domain(texts[i]);
		load();
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		report_text(report, out, false);
		fclose(out);
		cr_expect_str_not_empty(text, "%zu", i);
		cr_expect_null(strstr(text, "TopSecret"), "%zu: %s", i, text);
		free(text);
	}
}
