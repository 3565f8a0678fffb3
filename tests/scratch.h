/* A folder of its own for every test: scratch_enter and scratch_leave are init and fini of a suite; the
 * folder is the current one meanwhile, its absolute path is in `scratch`. */
#pragma once
#include "base/file.h"
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];

static int scratch_remove(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static inline void scratch_enter(void)
{
	strcpy(scratch, "/tmp/xensteer-test-XXXXXX");
	cr_assert_not_null(mkdtemp(scratch));
	cr_assert_eq(chdir(scratch), 0);
}

static inline void scratch_leave(void)
{
	cr_assert_eq(chdir("/"), 0);
	nftw(scratch, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file, "%s", path);
	fputs(text, file);
	cr_assert_eq(fclose(file), 0);
}

static inline bool scratch_has(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0;
}
