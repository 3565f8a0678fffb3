/* From folders to WANT: which files are read, what makes a source incomplete, what is derived, and who may
 * say how the host is set. */
#include "want/load.h"
#include "base/file.h"
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char folder[64];
	struct arena *arena;
	struct report *report;
	struct want *want;
};

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *where)
{
	(void)stat, (void)type, (void)where;
	return remove(path);
}

static void place_drop(struct place *place)
{
	want_free(place->want);
	report_free(place->report);
	arena_free(place->arena);
	nftw(place->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
#define PLACE_SCOPED __attribute__((cleanup(place_drop))) struct place

static struct place place_make(void)
{
	struct place place = {
		.folder = "/tmp/xensteer-load-XXXXXX", .arena = arena_new(), .report = report_new()};
	cr_assert_not_null(mkdtemp(place.folder));
	return place;
}

static const char *path_of(struct place *place, const char *name)
{
	return arena_format(place->arena, "%s/%s", place->folder, name);
}

static void put(struct place *place, const char *name, const char *text)
{
	const char *path = path_of(place, name);
	char *folder = arena_copy(place->arena, path, (size_t)(strrchr(path, '/') - path));
	cr_assert(file_folders(folder, 0755));
	cr_assert(file_write(path, text, strlen(text), 0644));
}

static void put_image(struct place *place, const char *file, const char *name)
{
	put(place, file,
		arena_format(place->arena,
			"apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: %s}\n"
			"spec: {path: %s.img, format: raw}\n",
			name, name));
}

static void put_domain(
	struct place *place, const char *file, const char *name, const char *metadata, const char *spec)
{
	put(place, file,
		arena_format(place->arena,
			"apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: %s%s}\n"
			"spec: {memory: 512MiB, boot: {kernel: /boot/vmlinuz}%s}\n",
			name, metadata, spec));
}

static const struct want *load(struct place *place, const char *path)
{
	struct HostSpec *host = host_settings(place->arena, NULL, place->report);
	cr_assert_not_null(host);
	struct load_options options = {
		.paths = &path, .path_count = 1, .host = host, .owner = "default", .host_name = "dom0"};
	place->want = want_load(&options, place->report);
	return place->want;
}

static size_t errors(struct place *place)
{
	return report_count(place->report, SEVERITY_ERROR);
}

static const struct source_root *root(const struct want *want)
{
	return want->roots.item[0];
}

Test(source, a_folder_is_read_below_and_dot_names_and_other_endings_are_not)
{
	PLACE_SCOPED place = place_make();
	put_image(&place, "b.yaml", "b");
	put_image(&place, "a/deep/c.yml", "c");
	put(&place, "d.json",
		"{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Image\", \"metadata\": {\"name\": \"d\"},\n"
		"\t\"spec\": {\"path\": \"d.img\", \"format\": \"raw\"}}");
	put(&place, ".hidden.yaml", "{");
	put(&place, "..data/x.yaml", "{");
	put(&place, ".git/x.yaml", "{");
	put(&place, "readme.txt", "{");
	put(&place, "empty.yaml", "# nothing\n---\n");
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 0);
	cr_expect_eq(want->images.count, 3);
	cr_expect_eq(root(want)->files, 4);
	cr_expect(want->complete);
	cr_expect_not(root(want)->is_file);
	const struct mark *at = want_object(want, KIND_IMAGE, "c")->at;
	cr_expect_str_eq(at->file->name, path_of(&place, "a/deep/c.yml"));
}

Test(source, a_path_that_is_not_there_is_an_error_and_not_complete)
{
	PLACE_SCOPED place = place_make();
	const struct want *want = load(&place, path_of(&place, "nowhere"));
	cr_expect_eq(errors(&place), 1);
	cr_expect_not(want->complete);
	cr_expect_not(root(want)->readable);
}

/* It could not be told from others in a record. */
Test(source, a_path_that_is_not_utf8_is_refused)
{
	PLACE_SCOPED place = place_make();
	put_image(&place, "m\xff/a.yaml", "a");
	const struct want *want = load(&place, path_of(&place, "m\xff"));
	cr_expect_eq(errors(&place), 1);
	cr_expect_not(want->complete);
	cr_expect_eq(want->images.count, 0);
	cr_expect_not(root(want)->readable);
}

Test(source, an_empty_folder_is_complete_and_holds_nothing)
{
	PLACE_SCOPED place = place_make();
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 0);
	cr_expect(want->complete);
	cr_expect_eq(root(want)->files, 0);
}

Test(source, zero_bytes_are_a_broken_file)
{
	PLACE_SCOPED place = place_make();
	put_image(&place, "a.yaml", "a");
	put(&place, "b.yaml", "");
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 1);
	cr_expect_eq(root(want)->broken, 1);
	cr_expect_not(want->complete);
	cr_expect_eq(want->images.count, 1, "the others go on");
}

Test(source, links_are_followed_but_not_in_circles)
{
	PLACE_SCOPED place = place_make();
	put_image(&place, "..2026/a.yaml", "a");
	cr_assert_eq(symlink("..2026", path_of(&place, "current")), 0);
	cr_assert_eq(symlink("..", path_of(&place, "..2026/loop")), 0);
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 0);
	cr_expect_eq(report_count(place.report, SEVERITY_WARNING), 1);
	cr_expect_eq(want->images.count, 1);
}

Test(source, a_dangling_link_is_a_broken_file)
{
	PLACE_SCOPED place = place_make();
	cr_assert_eq(symlink("gone.yaml", path_of(&place, "a.yaml")), 0);
	cr_assert_eq(symlink("gone", path_of(&place, "notes")), 0);
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 1);
	cr_expect_not(want->complete);
}

Test(source, a_fifo_does_not_block)
{
	PLACE_SCOPED place = place_make();
	cr_assert_eq(mkfifo(path_of(&place, "a.yaml"), 0600), 0);
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 1);
	cr_expect_not(want->complete);
}

Test(source, a_file_never_prunes)
{
	PLACE_SCOPED place = place_make();
	put_image(&place, "a.yaml", "a");
	cr_expect(root(load(&place, path_of(&place, "a.yaml")))->is_file);
}

Test(load, one_broken_object_leaves_the_others_of_its_file)
{
	PLACE_SCOPED place = place_make();
	put(&place, "a.yaml",
		"apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: a}\nspec: {path: a.img, format: "
		"vhd}\n---\n"
		"apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: b}\nspec: {path: b.img, format: "
		"raw}\n");
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(want->images.count, 1);
	cr_expect_eq(want->objects.count, 2);
	cr_expect(want_object(want, KIND_IMAGE, "a")->broken);
	cr_expect_not(want_object(want, KIND_IMAGE, "b")->broken);
	cr_expect_not(want->complete);
}

Test(load, what_is_for_another_host_is_judged_and_left_alone)
{
	PLACE_SCOPED place = place_make();
	put_domain(&place, "a.yaml", "a", ", host: dom0", "");
	put_domain(&place, "b.yaml", "b", ", host: other", "");
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 0);
	cr_expect_eq(want->domains.count, 1);
	cr_expect(want_object(want, KIND_DOMAIN, "b")->elsewhere);
}

Test(load, identities_follow_from_names_and_survive_a_rename)
{
	PLACE_SCOPED place = place_make();
	put_domain(&place, "a.yaml", "new", ", renamedFrom: web",
		", nics: [{}, {name: lan, mac: \"00:16:3E:00:00:0A\"}]");
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 0);
	const struct wanted_domain *domain = want_domain(want, "new");
	cr_assert_not_null(domain);
	char uid[UID_SIZE], mac[MAC_SIZE];
	uid_of("default", "Domain", "web", uid);
	cr_expect_str_eq(domain->uid, uid);
	cr_assert_eq(domain->spec->nics.count, 2);
	const struct Nic *first = domain->spec->nics.item[0], *second = domain->spec->nics.item[1];
	mac_of("00:16:3e", uid, "eth0", mac);
	cr_expect_str_eq(first->name, "eth0");
	cr_expect_str_eq(first->mac, mac);
	cr_expect_str_eq(first->bridge, "xenbr0");
	cr_expect_str_eq(second->mac, "00:16:3e:00:00:0a");
	cr_expect_eq(domain->spec->shutdown->timeout, 60, "always there, with its defaults");
	cr_expect_null(domain->spec->at[DomainSpec_shutdown]);
}

Test(load, disks_lead_to_their_volumes)
{
	PLACE_SCOPED place = place_make();
	put_domain(&place, "a.yaml", "a", "",
		", disks: [{vdev: xvda, volume: {chain: [{file: {size: 1000kB}}]}}, {vdev: xvdb, volume: "
		"data}]");
	cr_assert_eq(
		load(&place, place.folder)->complete, false, "the volume is not declared, and too small");
	want_free(place.want);
	put_domain(&place, "a.yaml", "a", "",
		", disks: [{vdev: xvda, volume: {chain: [{file: {size: 1500001B}}]}}, {vdev: xvdb, volume: "
		"data}]");
	put(&place, "b.yaml",
		"apiVersion: xensteer/v1\nkind: Volume\nmetadata: {name: data}\nspec: {chain: [{file: {size: "
		"1GiB}}]}\n");
	const struct want *want = load(&place, place.folder);
	const struct wanted_domain *domain = want_domain(want, "a");
	cr_assert_not_null(domain);
	cr_assert_eq(domain->disks.count, 2);
	const struct wanted_disk *own = domain->disks.item[0], *shared = domain->disks.item[1];
	cr_expect_str_eq(own->volume->name, "a-xvda");
	cr_expect_str_eq(own->volume->domain_uid, domain->uid);
	cr_expect_eq(want_volume(want, own->volume->uid), own->volume);
	cr_expect_str_eq(shared->volume->name, "data");
	cr_expect_null(shared->volume->vdev);
	const struct Layer *layer = own->volume->chain.item[0];
	cr_expect_eq(layer->file->size % 512, 0, "rounded up as the device does");
	cr_expect_eq(layer->file->size, 1500160);
}

Test(load, what_cannot_be_done_yet_is_named_and_no_error)
{
	PLACE_SCOPED place = place_make();
	put_domain(&place, "a.yaml", "a", "", ", power: Paused");
	put_domain(&place, "b.yaml", "b", "", ", readiness: {vifConnected: true}");
	put_domain(&place, "c.yaml", "c", "", ", scheduler: {weight: 512}");
	const struct want *want = load(&place, place.folder);
	cr_expect_eq(errors(&place), 0);
	cr_expect_str_eq(want_object(want, KIND_DOMAIN, "a")->refused, "spec.power: Paused");
	cr_expect_str_eq(want_object(want, KIND_DOMAIN, "b")->refused, "spec.readiness");
	cr_expect_eq(want_object(want, KIND_DOMAIN, "b")->refused_at->line, 4);
	cr_expect_null(
		want_object(want, KIND_DOMAIN, "c")->refused, "only changing it on a running guest is");
}

Test(load, a_password_in_xl_is_refused_whatever_the_host_allows_and_not_shown)
{
	PLACE_SCOPED place = place_make();
	put(&place, "host.yaml",
		"apiVersion: xensteer/v1\nkind: Host\nspec: {policy: {xlKeys: [vncpasswd]}}\n");
	struct HostSpec *host = host_settings(place.arena, path_of(&place, "host.yaml"), place.report);
	cr_assert_not_null(host);
	put_domain(&place, "m/a.yaml", "a", "", ", xl: {vncpasswd: 0123}");
	const char *path = path_of(&place, "m");
	struct load_options options = {
		.paths = &path, .path_count = 1, .host = host, .owner = "default", .host_name = "dom0"};
	place.want = want_load(&options, place.report);
	const struct diagnostic *first;
	cr_assert_eq(report_all(place.report, &first), 1);
	cr_expect_str_eq(
		first->message, "spec.xl.vncpasswd: a password in spec.xl would be shown in every plan");
	cr_expect_null(strstr(first->mark.file->text, "0123"));
}

Test(load, a_list_without_end_is_refused)
{
	PLACE_SCOPED place = place_make();
	BUFFER_SCOPED nics = {0};
	for (int i = 0; i < 4097; i++)
		buffer_text(&nics, i ? ", {}" : ", nics: [{}");
	buffer_text(&nics, "]");
	put_domain(&place, "a.yaml", "a", "", buffer_string(&nics));
	load(&place, place.folder);
	const struct diagnostic *first;
	cr_assert_eq(report_all(place.report, &first), 1);
	cr_expect_str_eq(first->message, "spec.nics: 4097 items: at most 4096 are allowed");
}

Test(load, a_text_in_memory_loads_like_a_file)
{
	PLACE_SCOPED place = place_make();
	struct HostSpec *host = host_settings(place.arena, NULL, place.report);
	struct load_options options = {.host = host, .owner = "default", .host_name = "dom0"};
	static const char text[] = "apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: a}\nspec: {path: "
				   "a.img, format: raw}\n";
	place.want = want_load_text(&options, "/m/a.yaml", text, strlen(text), place.report);
	cr_expect_eq(place.want->images.count, 1);
	cr_expect_str_eq(want_image(place.want, "a")->path, "/var/lib/xensteer/images/a.img");
}

Test(settings, what_the_file_does_not_say_has_its_default)
{
	PLACE_SCOPED place = place_make();
	put(&place, "host.yaml",
		"apiVersion: xensteer/v1\nkind: Host\nspec:\n  owner: lab\n  parallelism: 2\n"
		"  policy: {kernels: [/srv/kernels]}\n");
	struct HostSpec *host = host_settings(place.arena, path_of(&place, "host.yaml"), place.report);
	cr_assert_not_null(host);
	cr_expect_str_eq(host->owner, "lab");
	cr_expect_str_eq(host->stateDir, "/var/lib/xensteer/lab");
	cr_expect_eq(host->parallelism, 2);
	cr_expect_eq(host->maxUnavailable, 1);
	cr_expect_eq(host->deletions->percent, 20);
	cr_assert_eq(host->policy->kernels.count, 1);
	cr_expect_str_eq(host->policy->kernels.item[0], "/srv/kernels");
	cr_expect_str_eq(host->policy->bootloaders.item[0], "pygrub");
}

static void expect_no_settings(struct place *place, const char *text, mode_t mode, const char *message)
{
	put(place, "host.yaml", text);
	cr_assert_eq(chmod(path_of(place, "host.yaml"), mode), 0);
	REPORT_SCOPED report = report_new();
	cr_expect_null(host_settings(place->arena, path_of(place, "host.yaml"), report));
	const struct diagnostic *first;
	cr_assert_gt(report_all(report, &first), 0);
	cr_expect_str_eq(first->message, message);
}

Test(settings, a_bad_file_is_no_settings)
{
	PLACE_SCOPED place = place_make();
	static const char good[] = "apiVersion: xensteer/v1\nkind: Host\nspec: {owner: lab}\n";
	expect_no_settings(&place, good, 0666, "others than its owner may write the host's settings");
	expect_no_settings(&place, "# nothing\n", 0644, "no settings in it");
	expect_no_settings(&place, "apiVersion: xensteer/v1\nkind: Image\nspec: {}\n", 0644,
		"kind: expected Host, found 'Image'");
	expect_no_settings(&place, "apiVersion: xensteer/v1\nkind: Host\nspec: {imageDir: images}\n", 0644,
		"spec.imageDir: expected an absolute path, found 'images'");
	expect_no_settings(&place, "apiVersion: xensteer/v1\nkind: Host\nspec: {ownr: a}\n", 0644,
		"unknown key 'ownr' in Host spec");
	REPORT_SCOPED report = report_new();
	cr_expect_null(host_settings(place.arena, path_of(&place, "nowhere.yaml"), report));
}
