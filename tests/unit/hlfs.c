/* The hlfs layer over the stand-ins of tests/hlfs: real processes, a real server on the loopback. What stands
 * on the export is met in tests/lab, where the kernel has nbd devices. */
#include "steps.h"
#include "storage/artefact.h"
#include "storage/hlfs_server.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

static const char uid[] = "11111111-2222-5333-8444-555555555555",
		  other_uid[] = "21111111-2222-5333-8444-555555555555";
enum { MIB = 1 << 20 };
static struct arena *arena;
static const struct layer_driver *driver;
static const char *tools, *run_dir, *uri, *volume, *deed;
static struct LayerFound *label;

static void begin(void)
{
	char *folder = realpath("tests/hlfs", NULL);
	cr_assert_not_null(folder);
	scratch_enter();
	arena = arena_new();
	tools = arena_text(arena, folder);
	free(folder);
	setenv("HLFS_TMP", scratch, 1);
	run_dir = arena_format(arena, "%s/run", scratch);
	volume = arena_format(arena, "%s/pool/vm", scratch);
	uri = arena_format(arena, "local://%s", volume);
	deed = arena_format(arena, "%s/volumes/%s/0-hlfs.raw", scratch, uid);
	cr_assert(file_folders("pool", 0700));
	cr_assert(file_folders(arena_format(arena, "%s/volumes/%s", scratch, uid), 0700));
	driver = layer_find("hlfs");
	label = NULL;
}

static void end(void)
{
	for (struct hlfs_server server; (server = hlfs_server_find(arena, "", run_dir)).process;
		usleep(10000))
		hlfs_server_end(arena, "", run_dir, &server);
	arena_free(arena);
	scratch_leave();
}

TestSuite(hlfs, .init = begin, .fini = end);

static struct layer_job *job_of(const char *which, const char *where)
{
	struct Layer *want = type_new(arena, &type_Layer);
	KNOW(want, Layer, hlfs, type_new(arena, &type_HlfsLayer));
	KNOW(want->hlfs, HlfsLayer, uri, where);
	KNOW(want->hlfs, HlfsLayer, size, 32 * MIB);
	KNOW(want->hlfs, HlfsLayer, blockSize, 8192);
	KNOW(want->hlfs, HlfsLayer, segmentSize, 64 * MIB);
	struct layer_job *job = arena_make(arena, struct layer_job);
	*job = (struct layer_job){.arena = arena,
		.uid = which,
		.want = want,
		.state_dir = scratch,
		.run_dir = run_dir,
		.hlfs_dir = tools,
		.root = "",
		.folder = arena_format(arena, "%s/volumes/%s", scratch, which),
		.found = type_new(arena, &type_LayerFound),
		.lock = -1};
	driver->expect(job);
	job->recorded = label ? label : object_copy(arena, &type_LayerFound, job->found);
	return job;
}

static struct layer_job *job(void)
{
	return job_of(uid, uri);
}

/* One that knows nothing but the label. */
static struct layer_job *seen(void)
{
	struct layer_job *seen = job();
	seen->want = NULL;
	seen->found = type_new(arena, &type_LayerFound);
	return seen;
}

static void make(void)
{
	struct layer_job *made = job();
	step_done(made, &driver->create);
	label = made->found;
}

static const char *text_of(const char *path)
{
	const char *text = file_read(arena, path, 1 << 20, NULL);
	return text ? text : "";
}

static bool volume_has(const char *file)
{
	return scratch_has(arena_format(arena, "%s/%s", volume, file));
}

/* What a client says and hears; the connection stays open until it is closed. */
static int client_of(uint16_t port, const char *said, char heard[static 128])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	dprintf(fd, "%s\n", said);
	ssize_t size = read(fd, heard, 127);
	heard[size > 0 ? size : 0] = '\0';
	return fd;
}

Test(hlfs, a_life)
{
	struct layer_job *expected = job();
	cr_expect_str_eq(expected->found->source, uri);
	cr_expect_eq(expected->found->size, 32 * MIB);
	make();
	cr_expect_str_eq(label->id, arena_format(arena, "hlfs:%s", uri));
	cr_expect(strstr(text_of(arena_format(arena, "%s/superblock", volume)),
		"block_size=8192\nsegment_size=67108864\nmax_fs_size=32\n"));
	struct layer_job *found = seen();
	cr_expect_not(driver->observe(found));
	cr_expect_null(found->error);

	step_done(seen(), &driver->open);
	found = seen();
	cr_assert(driver->observe(found));
	cr_expect_eq(found->found->size, 32 * MIB);
	struct link link = layer_link(found);
	cr_expect_null(link.path);
	cr_expect_eq(link.size, 32 * MIB);
	cr_assert_not_null(link.bind);
	cr_expect_str_eq(link.bind[0], arena_format(arena, "%s/nbd-client", tools));
	cr_expect_str_eq(link.bind[4], uri);
	cr_expect_null(link.bind[5]);

	char heard[128];
	int client = client_of((uint16_t)atoi(link.bind[3]), uri, heard);
	cr_expect(text_ends(heard, " 32\n"), "%s", heard);
	close(client);
	unlink(arena_copy(arena, heard, strcspn(heard, " ")));
}

Test(hlfs, the_server_hears_the_loopback_only)
{
	make();
	step_done(seen(), &driver->open);
	struct hlfs_server server = hlfs_server_find(arena, "", run_dir);
	char *table = file_read(arena, "/proc/net/tcp", 1 << 20, NULL);
	cr_expect(strstr(table, arena_format(arena, " 0100007F:%04X 00000000:0000 0A", server.port)), "%s",
		table);
}

Test(hlfs, it_is_closed_with_the_last_volume)
{
	const char *second = arena_format(arena, "local://%s/pool/second", scratch);
	make();
	step_done(seen(), &driver->open);
	const int64_t process = hlfs_server_find(arena, "", run_dir).process;
	cr_assert(file_folders(arena_format(arena, "%s/volumes/%s", scratch, other_uid), 0700));
	label = NULL;
	step_done(job_of(other_uid, second), &driver->create);
	step_done(job_of(other_uid, second), &driver->open);
	cr_expect_eq(hlfs_server_find(arena, "", run_dir).process, process);

	step_done(job(), &driver->close);
	cr_expect_not(driver->observe(job()));
	cr_expect(driver->observe(job_of(other_uid, second)));
	cr_expect_eq(hlfs_server_find(arena, "", run_dir).process, process);
	step_done(job_of(other_uid, second), &driver->close);
	cr_expect_eq(hlfs_server_find(arena, "", run_dir).process, 0);
	cr_expect_not(scratch_has("nbd-0-"));
	step_done(job(), &driver->close);
}

Test(hlfs, clients_of_somebody_else_keep_the_server, .timeout = 60)
{
	char heard[128];
	make();
	step_done(seen(), &driver->open);
	struct hlfs_server server = hlfs_server_find(arena, "", run_dir);
	int client = client_of(server.port, uri, heard);
	cr_assert(hlfs_server_find(arena, "", run_dir).busy);
	step_done(seen(), &driver->close);
	cr_expect_not(driver->observe(seen()));
	cr_expect_eq(hlfs_server_find(arena, "", run_dir).process, server.process);
	close(client);
	unlink(arena_copy(arena, heard, strcspn(heard, " ")));
}

Test(hlfs, a_reboot_closes_it_and_it_opens_again)
{
	make();
	step_done(seen(), &driver->open);
	cr_assert_eq(kill((pid_t)hlfs_server_find(arena, "", run_dir).process, SIGTERM), 0);
	while (hlfs_server_find(arena, "", run_dir).process)
		usleep(1000);
	cr_expect_not(driver->observe(seen()));
	step_done(seen(), &driver->open);
	cr_expect(driver->observe(seen()));
	step_done(seen(), &driver->open);
}

Test(hlfs, what_stands_there_is_never_taken)
{
	struct layer_job *theirs = job();
	step_done(theirs, &driver->create);
	cr_assert_eq(unlink(deed), 0);
	scratch_write(arena_format(arena, "%s/segment0", volume), "data");
	step_fails(job(), &driver->create, true, "exists already, and this volume did not make it");
	cr_expect_not(scratch_has(deed));
	step_done(job(), &driver->remove);
	cr_expect(volume_has("segment0"));

	/* a deed of another uri is none of this one */
	scratch_write(deed, "local:///elsewhere/vm\n");
	step_fails(job(), &driver->create, true, "exists already");
	step_done(job(), &driver->remove);
	cr_expect(volume_has("superblock"));
}

Test(hlfs, an_interrupted_creation_is_done_again)
{
	static const char *const left[] = {NULL, "data", "superblock"};
	for (int i = 0; i < 3; i++) {
		make();
		step_done(seen(), &driver->remove);
		label = NULL;
		scratch_write(deed, arena_format(arena, "%s\n", uri));
		if (left[i]) {
			cr_assert_eq(mkdir(volume, 0700), 0);
			scratch_write(arena_format(arena, "%s/%s", volume, left[i]), "");
		}
		make();
		cr_expect(volume_has("superblock"));
	}
	/* made, and the label did not learn of it */
	scratch_write(arena_format(arena, "%s/segment0", volume), "data");
	label = NULL;
	make();
	cr_expect(volume_has("segment0"));
}

Test(hlfs, removal)
{
	make();
	step_done(seen(), &driver->remove);
	cr_expect_not(scratch_has(volume));
	cr_expect_not(scratch_has(deed));
	step_done(seen(), &driver->remove);
}

Test(hlfs, a_removal_that_does_nothing_is_noticed)
{
	make();
	cr_assert_eq(mkdir(arena_format(arena, "%s/folder", volume), 0700), 0);
	cr_assert_eq(unlink(arena_format(arena, "%s/data", volume)), 0);
	cr_assert_eq(mkdir("tools", 0700), 0);
	for (const char *const *name = (const char *const[]){"stat.hlfs", "rmfs.hlfs", NULL}; *name; name++)
		cr_assert_eq(
			symlink(*name[0] == 's' ? arena_format(arena, "%s/%s", tools, *name) : "/bin/true",
				arena_format(arena, "tools/%s", *name)),
			0);
	struct layer_job *removed = seen();
	removed->hlfs_dir = arena_format(arena, "%s/tools", scratch);
	step_fails(removed, &driver->remove, false, "is still there after rmfs.hlfs");
	cr_expect(scratch_has(deed));
}

Test(hlfs, one_that_is_gone_is_not_opened)
{
	make();
	cr_assert_eq(unlink(arena_format(arena, "%s/superblock", volume)), 0);
	step_fails(seen(), &driver->open, true, "was made and is gone");
	cr_expect_eq(hlfs_server_find(arena, "", run_dir).process, 0);
}

Test(hlfs, a_folder_that_is_not_there)
{
	struct layer_job *made = job_of(uid, arena_format(arena, "local://%s/none/vm", scratch));
	step_fails(made, &driver->create, false, "could not be made");
	cr_expect(strstr(made->hint, "the folder above it"));
}

Test(hlfs, somebody_who_is_faster)
{
	/* stat.hlfs says that nothing is there, and then there is */
	make();
	step_done(seen(), &driver->remove);
	label = NULL;
	cr_assert_eq(mkdir("tools", 0700), 0);
	for (const char *const *name = (const char *const[]){"stat.hlfs", "rmfs.hlfs", NULL}; *name; name++)
		cr_assert_eq(symlink(arena_format(arena, "%s/%s", tools, *name),
				     arena_format(arena, "tools/%s", *name)),
			0);
	scratch_write("tools/mkfs.hlfs",
		arena_format(arena, "#!/bin/sh\n%s/mkfs.hlfs \"$@\"\n%s/mkfs.hlfs \"$@\"\n", tools, tools));
	cr_assert_eq(chmod("tools/mkfs.hlfs", 0700), 0);
	struct layer_job *made = job();
	made->hlfs_dir = arena_format(arena, "%s/tools", scratch);
	step_fails(made, &driver->create, true, "was made by somebody else at this moment");
	cr_expect_not(scratch_has(deed));
	step_done(job(), &driver->remove);
	cr_expect(volume_has("superblock"));
}

Test(hlfs, absent_tools_have_clear_words)
{
	struct layer_job *made = job();
	made->hlfs_dir = NULL;
	step_fails(made, &driver->create, true, "the Host's hlfsDir does not say where they are");
	cr_expect_not(scratch_has(deed));
	made->hlfs_dir = "/nowhere";
	step_fails(made, &driver->create, true, "/nowhere/stat.hlfs: No such file");
	make();
	made = seen();
	made->hlfs_dir = "/nowhere";
	step_fails(made, &driver->open, true, "/nowhere/nbd-server: No such file");
	step_fails(made, &driver->remove, true, "/nowhere/rmfs.hlfs: No such file");
	cr_expect(scratch_has(deed));
}

Test(hlfs, a_tool_that_says_nothing_is_not_believed)
{
	cr_assert_eq(mkdir("tools", 0700), 0);
	cr_assert_eq(symlink("/bin/true", "tools/stat.hlfs"), 0);
	struct layer_job *made = job();
	made->hlfs_dir = arena_format(arena, "%s/tools", scratch);
	step_fails(made, &driver->create, false, "stat.hlfs does not tell whether");
	cr_expect_not(scratch_has(deed));
}

Test(hlfs, a_server_that_cannot_start_says_why_it_may_be, .timeout = 60)
{
	make();
	cr_assert_eq(mkdir("nbd-0-", 0700), 0);
	struct layer_job *opened = seen();
	step_fails(opened, &driver->open, false, "does not listen after 10 s");
	cr_expect(strstr(opened->hint, "/tmp/nbd-0-"));
	cr_expect_not(scratch_has(arena_format(arena, "%s/hlfs/%s-0", run_dir, uid)));
	cr_assert_eq(rmdir("nbd-0-"), 0);
	cr_assert_eq(unlink(arena_format(arena, "%s/superblock", volume)), 0);
}
