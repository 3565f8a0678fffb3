/* Every manifest of tests/bad is refused with exactly the words that stand beside it, in NAME.expected: what
 * `validate` prints. UPDATE=1 writes those files anew; whoever does so reads every one of them as somebody
 * would at night. Every manifest of tests/good loads without a word. */
#include "base/file.h"
#include "want/load.h"
#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static bool is_update(void)
{
	return getenv("UPDATE") != NULL;
}

/* The text with HERE for the folder that the tests run in. */
static char *without_folder(struct arena *arena, const char *text)
{
	char *folder = file_absolute(arena, ".");
	BUFFER_SCOPED out = {0};
	for (const char *at; (at = strstr(text, folder)); text = at + strlen(folder)) {
		buffer_bytes(&out, text, (size_t)(at - text));
		buffer_text(&out, "HERE");
	}
	buffer_text(&out, text);
	return arena_text(arena, buffer_string(&out));
}

/* What loading a path says, on a host whose policy allows these files (NULL: none). */
static char *diagnostics_of(struct arena *arena, const char *path, const struct texts *files,
	bool references_warn, bool *has_errors)
{
	REPORT_SCOPED report = report_new();
	ARENA_SCOPED settings = arena_new();
	struct HostSpec *host = host_settings(settings, NULL, report);
	cr_assert_not_null(host);
	if (files)
		host->policy->files = *files;
	struct load_options options = {.away = true,
		.paths = &path,
		.path_count = 1,
		.host = host,
		.owner = "default",
		.host_name = "dom0",
		.references_warn = references_warn};
	WANT_SCOPED want = want_load(&options, report);
	*has_errors = report_count(report, SEVERITY_ERROR) > 0;
	cr_assert(want->complete == !*has_errors, "%s: complete unless there are errors", path);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	report_text(report, out, false);
	fclose(out);
	char *said = without_folder(arena, text);
	free(text);
	return said;
}

static void one_is_refused(const char *path)
{
	ARENA_SCOPED arena = arena_new();
	bool has_errors;
	char *said = diagnostics_of(arena, path, NULL, true, &has_errors);
	char *expected_path =
		arena_format(arena, "%.*s.expected", (int)(strlen(path) - strlen(".yaml")), path);
	if (is_update())
		cr_assert(file_write(expected_path, said, strlen(said), 0644));
	size_t size;
	const char *expected = file_read(arena, expected_path, 1 << 20, &size);
	cr_assert_not_null(expected, "%s is not there", expected_path);
	cr_expect_str_not_empty(said, "%s: nothing is wrong with it", path);
	cr_expect_str_eq(said, expected, "%s: it says\n%s", path, said);
}

Test(bad, each_is_refused_in_the_words_that_are_expected)
{
	glob_t paths;
	cr_assert_eq(glob("tests/bad/*.yaml", 0, NULL, &paths), 0);
	cr_assert_geq(paths.gl_pathc, 70);
	for (size_t i = 0; i < paths.gl_pathc; i++)
		one_is_refused(paths.gl_pathv[i]);
	globfree(&paths);
}

Test(good, each_loads_without_a_word)
{
	const char *folders[] = {"/srv"};
	const struct texts files = {.item = folders, .count = 1};
	glob_t paths;
	cr_assert_eq(glob("tests/good/*.yaml", 0, NULL, &paths), 0);
	cr_assert_gt(paths.gl_pathc, 0);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		ARENA_SCOPED arena = arena_new();
		bool has_errors;
		cr_expect_str_eq(diagnostics_of(arena, paths.gl_pathv[i], &files, false, &has_errors), "");
	}
	globfree(&paths);
}
