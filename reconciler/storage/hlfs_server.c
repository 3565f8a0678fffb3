/* The server of HLFS, found in /proc: the process with our marks whose parent has not got them too, and its
 * port by the inode of its socket, which /proc/net/tcp lists as listening. A server that was told a port that
 * is taken listens on another one without a word; so the port is asked of the kernel, never remembered. */
#include "storage/hlfs_server.h"
#include "base/file.h"
#include "base/text.h"
#include "storage/served.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

enum { TABLE_LIMIT = 16 << 20, LINK_LIMIT = 64 };

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

static struct server_marks marks_of(const char *run_dir)
{
	return (struct server_marks){.uid = run_dir};
}

const char *const *hlfs_server_environment(struct arena *arena, const char *run_dir)
{
	const struct server_marks marks = marks_of(run_dir);
	return server_environment(arena, &marks, NULL);
}

static int64_t parent_of(struct arena *arena, const char *root, int64_t process)
{
	static const char key[] = "\nPPid:";
	const char *status = file_read(
		arena, arena_format(arena, "%s/proc/%" PRId64 "/status", root, process), TABLE_LIMIT, NULL);
	const char *at = status ? strstr(status, key) : NULL;
	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* The port on which the socket with this inode listens, by one of the tables; 0: it does not.
 * "SL: LOCAL:PORT REMOTE:PORT STATE TX:RX TR:WHEN RETRANSMISSIONS UID TIMEOUT INODE ...", in hex but for the
 * last */
static uint16_t port_in(struct arena *arena, const char *table, uint64_t inode)
{
	enum { LISTEN = 0x0a };
	enum { LOCAL = 1, STATE = 3, INODE = 9 };
	char *text = file_read(arena, table, TABLE_LIMIT, NULL), *line;
	while ((line = strsep(&text, "\n"))) {
		const char *field[INODE + 1];
		int count = 0;
		while (line && count <= INODE) {
			field[count] = strsep(&line, " ");
			count += *field[count] != '\0';
		}
		const char *port = count > INODE ? strchr(field[LOCAL], ':') : NULL;
		if (port && strtoul(field[STATE], NULL, 16) == LISTEN &&
			strtoull(field[INODE], NULL, 10) == inode)
			return (uint16_t)strtoul(port + 1, NULL, 16);
	}
	return 0;
}

static uint16_t port_of(struct arena *arena, const char *root, int64_t process)
{
	static const char socket[] = "socket:[";
	DIR_SCOPED dir = opendir(arena_format(arena, "%s/proc/%" PRId64 "/fd", root, process));
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		char target[LINK_LIMIT];
		uint16_t port = 0;
		ssize_t size = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		if (text_starts(target, socket)) {
			const uint64_t inode = strtoull(target + strlen(socket), NULL, 10);
			port = port_in(arena, arena_format(arena, "%s/proc/net/tcp", root), inode);
			if (!port)
				port = port_in(arena, arena_format(arena, "%s/proc/net/tcp6", root), inode);
		}
		if (port)
			return port;
	}
	return 0;
}

struct hlfs_server hlfs_server_find(struct arena *arena, const char *root, const char *run_dir)
{
	const struct server_marks marks = marks_of(run_dir);
	struct hlfs_server server = {0};
	ARENA_SCOPED scratch = arena_new();
	DIR_SCOPED dir = opendir(arena_format(arena, "%s/proc", root));
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		const int64_t process = strtoll(entry->d_name, NULL, 10);
		arena_reset(scratch);
		if (process <= 0 || !server_is_marked(scratch, root, process, &marks))
			continue;
		if (server_is_marked(scratch, root, parent_of(scratch, root, process), &marks))
			server.busy = true;
		else if (!server.port) {
			server.process = process;
			server.port = port_of(scratch, root, process);
		}
	}
	return server;
}

uint16_t hlfs_server_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	FD_SCOPED fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, size) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	return ntohs(address.sin_port);
}

void hlfs_server_end(
	struct arena *arena, const char *root, const char *run_dir, const struct hlfs_server *server)
{
	const struct server_marks marks = marks_of(run_dir);
	FD_SCOPED fd = pidfd_open((pid_t)server->process, 0);
	if (fd >= 0 && server_is_marked(arena, root, server->process, &marks))
		(void)pidfd_send_signal(fd, SIGTERM, NULL, 0);
}
