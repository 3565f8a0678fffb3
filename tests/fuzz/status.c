/* Any bytes as the status.json of a daemon that runs: it is read, or it is as good as none. `PID` in the
 * bytes is the number of that daemon, which nobody could guess. */
#include "face/status_daemon.h"
#include "fuzz/folder.h"
#include "state/lock.h"
#include <signal.h>
#include <sys/prctl.h>

static pid_t daemon_pid;

/* Another process, because nobody waits for his own lock. */
static void daemon_start(void)
{
	char path[96];
	pid_t holder;
	int ready[2];
	char byte;
	snprintf(path, sizeof(path), "%s/lock", folder);
	if (pipe(ready) != 0 || (daemon_pid = fork()) < 0)
		abort();
	if (daemon_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (lock_take(path, &holder) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		abort();
	close(ready[0]);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	BUFFER_SCOPED text = {0};
	if (!daemon_pid)
		daemon_start();
	for (size_t at = 0; at < size; at++) {
		const bool named = size - at >= 3 && memcmp(bytes + at, "PID", 3) == 0;
		if (named)
			buffer_format(&text, "%d", (int)daemon_pid);
		else
			buffer_bytes(&text, bytes + at, 1);
		at += named ? 2 : 0;
	}
	folder_write("status.json", (const unsigned char *)buffer_string(&text), text.size);
	static const char *const chosen[] = {NULL, "Domain/a"};
	for (int i = 0; i < 2; i++) {
		struct options options = {.only = chosen[i]};
		const struct session session = {
			.arena = arena, .options = &options, .run_dir = folder, .state_dir = folder};
		const struct told *told = status_of_daemon(&session);
		for (uint32_t k = 0; told && k < told->all.count; k++)
			if (!((struct object_status *)told->all.item[k])->object)
				abort();
		if (told && !told->json)
			abort();
	}
	return 0;
}
