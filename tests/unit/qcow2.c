#include "storage/qcow2.h"
#include "base/run.h"
#include "scratch.h"
#include <endian.h>
#include <fcntl.h>

TestSuite(qcow2, .init = scratch_enter, .fini = scratch_leave);

#define qemu_img(...) run((const char *const[]){"qemu-img", __VA_ARGS__, NULL})
static void run(const char *const *argv)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert(run_wait(arena, argv, 60000, &result), "%s", run_failure(arena, argv, &result));
}

static bool header_read(const char *path, struct qcow2 *found, const char **why)
{
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	*why = NULL;
	return qcow2_read(fd, found, why);
}

static void poke(const char *path, const void *bytes, size_t size, off_t at)
{
	FD_SCOPED fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
}

static void poke32(const char *path, uint32_t number, off_t at)
{
	number = htobe32(number);
	poke(path, &number, sizeof(number), at);
}

static void poke64(const char *path, uint64_t number, off_t at)
{
	number = htobe64(number);
	poke(path, &number, sizeof(number), at);
}

Test(qcow2, what_qemu_img_made)
{
	static const char *const versions[] = {"compat=0.10", "compat=1.1"};
	for (unsigned i = 0; i < 2; i++) {
		struct qcow2 found;
		const char *why;
		qemu_img("create", "-q", "-f", "qcow2", "-o", versions[i], "base.qcow2", "3M");
		qemu_img("create", "-q", "-f", "qcow2", "-o", versions[i], "-F", "qcow2", "-b", "base.qcow2",
			"top.qcow2", "5368709120");
		cr_assert(header_read("base.qcow2", &found, &why), "%s", why);
		cr_expect_eq(found.version, i + 2);
		cr_expect_eq(found.size, 3 << 20);
		cr_expect_str_empty(found.backing);
		cr_expect_str_empty(found.backing_format);
		cr_expect_not(found.corrupt || found.external || found.encrypted);
		cr_assert(header_read("top.qcow2", &found, &why), "%s", why);
		cr_expect_eq(found.size, 5368709120);
		cr_expect_str_eq(found.backing, "base.qcow2");
		cr_expect_str_eq(found.backing_format, "qcow2");
	}
}

Test(qcow2, smallest_and_largest_clusters_and_the_longest_name)
{
	struct qcow2 found;
	const char *why;
	char name[QCOW2_BACKING + 1];
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	for (int i = 200; i < QCOW2_BACKING - 1; i += 200)
		name[i] = '/';
	name[QCOW2_BACKING] = '\0';
	qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", name, "long.qcow2", "1M");
	cr_assert(header_read("long.qcow2", &found, &why), "%s", why);
	cr_expect_str_eq(found.backing, name);
	qemu_img("create", "-q", "-f", "qcow2", "-o", "cluster_size=512", "small.qcow2", "1M");
	cr_expect(header_read("small.qcow2", &found, &why), "%s", why);
	qemu_img("create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", "large.qcow2", "1M");
	cr_expect(header_read("large.qcow2", &found, &why), "%s", why);
}

Test(qcow2, data_elsewhere_and_marks_are_seen)
{
	struct qcow2 found;
	const char *why;
	qemu_img("create", "-q", "-f", "qcow2", "-o", "data_file=data.raw", "far.qcow2", "1M");
	cr_assert(header_read("far.qcow2", &found, &why), "%s", why);
	cr_expect(found.external);
	qemu_img("create", "-q", "-f", "qcow2", "marked.qcow2", "1M");
	poke64("marked.qcow2", 2, 72);
	cr_assert(header_read("marked.qcow2", &found, &why), "%s", why);
	cr_expect(found.corrupt);
	cr_expect_not(found.external);
	poke32("marked.qcow2", 1, 32);
	cr_assert(header_read("marked.qcow2", &found, &why), "%s", why);
	cr_expect(found.encrypted);
}

Test(qcow2, what_is_none)
{
	struct qcow2 found;
	const char *why;
	scratch_write("empty", "");
	scratch_write(
		"text", "just a text that is no header, but long enough to hold one if it were any of them");
	scratch_write("short", "QFI\xfb");
	static const char *const names[] = {"empty", "text", "short"};
	for (unsigned i = 0; i < 3; i++) {
		cr_expect_not(header_read(names[i], &found, &why), "%s", names[i]);
		cr_expect_not_null(why);
	}
}

/* Every value that leads out of the file or the header is refused, with words. */
Test(qcow2, hostile_numbers)
{
	static const struct {
		off_t at;
		bool wide;
		uint64_t number;
		const char *words;
	} cases[] = {
		{4, false, 1, "version"},
		{4, false, 4, "version"},
		{8, true, 50, "backing name"},
		{8, true, UINT64_MAX, "backing name"},
		{8, true, 64 << 10, "backing name"},
		{16, false, 1024, "backing name"},
		{16, false, UINT32_MAX, "backing name"},
		{20, false, 8, "cluster size"},
		{20, false, 63, "cluster size"},
		{20, false, UINT32_MAX, "cluster size"},
		{24, true, (uint64_t)1 << 63, "size"},
		{100, false, 0, "length"},
		{100, false, UINT32_MAX, "length"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct qcow2 found;
		const char *why;
		qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/base", "bad.qcow2", "1M");
		cr_assert(header_read("bad.qcow2", &found, &why), "%s", why);
		if (cases[i].wide)
			poke64("bad.qcow2", cases[i].number, cases[i].at);
		else
			poke32("bad.qcow2", (uint32_t)cases[i].number, cases[i].at);
		cr_expect_not(header_read("bad.qcow2", &found, &why), "case %zu", i);
		cr_expect(why && strstr(why, cases[i].words), "case %zu: %s", i, why);
	}
}

Test(qcow2, hostile_extensions)
{
	struct qcow2 found;
	const char *why;
	qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/base", "bad.qcow2", "1M");
	/* the first one stands right behind a header of version 3, QEMU's own length of it is in the header
	 */
	FD_SCOPED fd = open("bad.qcow2", O_RDONLY | O_CLOEXEC);
	uint32_t length;
	cr_assert_eq(pread(fd, &length, sizeof(length), 100), 4);
	length = be32toh(length);
	poke32("bad.qcow2", UINT32_MAX, length + 4);
	cr_expect_not(header_read("bad.qcow2", &found, &why));
	cr_expect_not_null(strstr(why, "extension"));
	/* one of the file's backing format that is longer than any */
	poke32("bad.qcow2", 0xe2792aca, length);
	poke32("bad.qcow2", 16, length + 4);
	cr_expect_not(header_read("bad.qcow2", &found, &why));
	cr_expect_not_null(strstr(why, "backing format"));
}

Test(qcow2, a_file_that_is_cut_off_is_refused)
{
	qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/base", "cut.qcow2", "1M");
	for (off_t size = 111; size >= 0; size--) {
		struct qcow2 found;
		const char *why;
		cr_assert_eq(truncate("cut.qcow2", size), 0);
		cr_expect_not(header_read("cut.qcow2", &found, &why), "%jd bytes", (intmax_t)size);
		cr_expect_not_null(why);
	}
}
