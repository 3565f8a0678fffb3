/* What reads files gets them in a folder of its own, in memory; it goes when the program ends. */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
int LLVMFuzzerInitialize(int *count, char ***arguments);

static char folder[64];

static int folder_remove(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static void folder_leave(void)
{
	nftw(folder, folder_remove, 8, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/xensteer-fuzz-XXXXXX"
						     : "/tmp/xensteer-fuzz-XXXXXX");
	if (!mkdtemp(folder) || atexit(folder_leave) != 0)
		abort();
	return 0;
}

static inline void folder_write(const char *name, const unsigned char *bytes, size_t size)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (file < 0 || write(file, bytes, size) != (ssize_t)size || close(file) != 0)
		abort();
}
