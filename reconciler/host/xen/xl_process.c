/* xl's own processes: who builds a guest right now, and who watches one. xl gives a guest that it created a
 * monitor, a copy of itself with the same arguments, whose output goes to /var/log/xen/xl-NAME.log; that
 * tells the two apart. What cannot be read counts as building: that errs towards leaving a guest alone. */
#include "base/file.h"
#include "host/xen/xen.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define LOG_PREFIX "/var/log/xen/xl-"

enum { ARGUMENTS_LIMIT = 4096 };

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* xl whose arguments name a subcommand that makes a guest; *cfg is its last argument. */
static bool makes_guests(char *arguments, size_t size, const char **cfg)
{
	static const char *const makers[] = {"create", "restore", "migrate-receive"};
	bool makes = false;
	*cfg = "";
	if (strcmp(basename_of(arguments), "xl") != 0)
		return false;
	for (size_t at = strlen(arguments) + 1; at < size; at += strlen(arguments + at) + 1) {
		*cfg = arguments + at;
		for (size_t i = 0; !makes && i < sizeof(makers) / sizeof(*makers); i++)
			makes = strcmp(*cfg, makers[i]) == 0;
	}
	return makes;
}

/* NAME out of /var/log/xen/xl-NAME.log, also after it was rotated to xl-NAME.log.1; NULL for anything else.
 */
static const char *log_name(struct arena *arena, const char *log)
{
	if (!text_starts(log, LOG_PREFIX))
		return NULL;
	const char *name = log + strlen(LOG_PREFIX), *end = NULL;
	for (const char *at = name; (at = strstr(at, ".log")); at++)
		if (!at[4] || at[4] == '.' || at[4] == ' ')
			end = at;
	return end ? arena_copy(arena, name, (size_t)(end - name)) : NULL;
}

static ssize_t process_read(const char *pid, const char *what, char *out, size_t size, bool is_link)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, what);
	if (is_link)
		return readlink(path, out, size - 1);
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : read(fd, out, size - 1);
}

void xl_processes(struct arena *arena, struct list *found)
{
	__attribute__((cleanup(dir_drop))) DIR *proc = opendir("/proc");
	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		char arguments[ARGUMENTS_LIMIT], log[ARGUMENTS_LIMIT];
		const char *cfg;
		if (*entry->d_name < '1' || *entry->d_name > '9')
			continue;
		ssize_t size = process_read(entry->d_name, "cmdline", arguments, sizeof(arguments), false);
		if (size <= 0)
			continue;
		arguments[size] = '\0';
		if (!makes_guests(arguments, (size_t)size, &cfg))
			continue;
		struct xl_process *process = arena_make(arena, struct xl_process);
		process->pid = store_decimal(entry->d_name);
		process->cfg = arena_text(arena, cfg);
		size = process_read(entry->d_name, "fd/1", log, sizeof(log), true);
		log[size > 0 ? size : 0] = '\0';
		process->name = log_name(arena, log);
		process->monitor = process->name != NULL;
		list_add(arena, found, process);
	}
}

const struct xl_process *xl_of(const struct list *processes, const char *cfg)
{
	for (uint32_t i = 0; i < processes->count; i++) {
		const struct xl_process *process = processes->item[i];
		if (text_equal(process->cfg, cfg))
			return process;
	}
	return NULL;
}

const struct xl_process *xl_monitor(const struct list *processes, const char *cfg, const char *name)
{
	for (uint32_t i = 0; i < processes->count; i++) {
		const struct xl_process *process = processes->item[i];
		if (process->monitor &&
			(text_equal(process->cfg, cfg) || (name && text_equal(process->name, name))))
			return process;
	}
	return NULL;
}

bool xl_builds(const struct list *processes, const char *cfg, const char *name)
{
	for (uint32_t i = 0; i < processes->count; i++) {
		const struct xl_process *process = processes->item[i];
		/* a monitor builds too, while it restarts its own guest */
		if (!process->monitor || !name || text_equal(process->name, name) ||
			text_equal(process->cfg, cfg))
			return true;
	}
	return false;
}
