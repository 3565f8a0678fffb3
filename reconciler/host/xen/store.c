/* xenstore. A connection that asked for too long a list is dead, as is one whose xenstored died; either is
 * opened again when it is needed. Only the socket is tried: without a xenstored, the device would block for
 * ever. */
#include "host/xen/store.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

enum { PATH_SIZE = 1024, NAMES_LIMIT = 1024, ANSWER_LIMIT = 10, SILENCE = 20 /* s */ };

struct store {
	struct xs_handle *talk;
	time_t silent_until; /* CLOCK_MONOTONIC; it did not answer in time: it is not asked before that */
};

struct store *store_new(void)
{
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		memory_ended();
	return store;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	if (store->talk)
		xs_close(store->talk);
	free(store);
}

/* Answers of xenstored; every other errno means that the connection is gone, EAGAIN (but in transactions,
 * which are not used here) that no answer came in time. */
static bool answered(int error)
{
	return error == ENOENT || error == EACCES || error == EINVAL || error == E2BIG || error == ENOSPC ||
	       error == EEXIST || error == EISDIR || error == EROFS;
}

static time_t seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* libxenstore waits for ever for a xenstored that is there and does not answer, and keeps its socket to
 * itself. But an opened descriptor is always the lowest that is free: so it is known, and gets a limit. */
static struct xs_handle *open_limited(void)
{
	const struct timeval limit = {.tv_sec = ANSWER_LIMIT};
	const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (next < 0)
		return NULL;
	close(next);
	struct xs_handle *handle = xs_open(XS_OPEN_SOCKETONLY);
	int domain = 0;
	socklen_t size = sizeof(domain);
	if (handle && getsockopt(next, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX) {
		(void)setsockopt(next, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		(void)setsockopt(next, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	}
	return handle;
}

static struct xs_handle *talk(struct store *store)
{
	if (!store->talk && seconds() < store->silent_until) {
		errno = ETIMEDOUT;
		return NULL;
	}
	if (!store->talk && !(store->talk = open_limited()))
		errno = ENOTCONN; /* not what the socket's path says: ENOENT is an answer */
	return store->talk;
}

/* After a call that failed: worth a second try on a new connection? errno stays. */
static bool again(struct store *store, int *tries)
{
	int error = errno;
	if (error == EAGAIN)
		store->silent_until = seconds() + SILENCE;
	if (store->talk && !answered(error)) {
		xs_close(store->talk);
		store->talk = NULL;
	}
	errno = error;
	return !answered(error) && error != EAGAIN && (*tries)++ == 0;
}

__attribute__((format(printf, 2, 0))) static bool path_format(
	char path[PATH_SIZE], const char *format, va_list arguments)
{
	int size = vsnprintf(path, PATH_SIZE, format, arguments);
	if (size > 0 && size < PATH_SIZE)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

static char *read_path(struct store *store, struct arena *arena, size_t limit, const char *path)
{
	int tries = 0;
	do {
		unsigned size = 0;
		char *value = talk(store) ? xs_read(store->talk, XBT_NULL, path, &size) : NULL;
		if (value) {
			char *copy = arena_copy(arena, value, size < limit ? size : limit);
			free(value);
			return copy;
		}
	} while (again(store, &tries));
	return NULL;
}

char *store_read(struct store *store, struct arena *arena, size_t limit, const char *format, ...)
{
	char path[PATH_SIZE];
	va_list arguments;
	va_start(arguments, format);
	bool fits = path_format(path, format, arguments);
	va_end(arguments);
	return fits ? read_path(store, arena, limit, path) : NULL;
}

int64_t store_decimal(const char *text)
{
	char *end;
	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	return *end || errno ? -1 : value;
}

int64_t store_number(struct store *store, const char *format, ...)
{
	char path[PATH_SIZE];
	va_list arguments;
	va_start(arguments, format);
	bool fits = path_format(path, format, arguments);
	va_end(arguments);
	ARENA_SCOPED arena = arena_new();
	return fits ? store_decimal(read_path(store, arena, 32, path)) : -1;
}

/* A handle proves nothing: the other end may have died since it was opened. */
bool store_reachable(struct store *store)
{
	ARENA_SCOPED arena = arena_new();
	return read_path(store, arena, 0, "/") || answered(errno);
}

struct list store_names(struct store *store, struct arena *arena, const char *format, ...)
{
	char path[PATH_SIZE];
	va_list arguments;
	va_start(arguments, format);
	bool fits = path_format(path, format, arguments);
	va_end(arguments);
	struct list names = {0};
	for (int tries = 0; fits;) {
		unsigned count = 0;
		char **found = talk(store) ? xs_directory(store->talk, XBT_NULL, path, &count) : NULL;
		for (unsigned i = 0; found && i < count && i < NAMES_LIMIT; i++)
			list_add(arena, &names, arena_text(arena, found[i]));
		free(found);
		if (found)
			errno = 0;
		if (found || !again(store, &tries))
			break;
	}
	return names;
}

bool store_write(struct store *store, const char *path, const char *value)
{
	int tries = 0;
	do {
		if (talk(store) && xs_write(store->talk, XBT_NULL, path, value, (unsigned)strlen(value)))
			return true;
	} while (again(store, &tries));
	return false;
}

/* The path of a mark, or of its parents with fewer parts; false where it is none that xenstore takes. */
static bool mark_path(char path[PATH_SIZE], const char *owner, const char *uuid)
{
	int size = snprintf(path, PATH_SIZE, "/tool/xensteer/%s/%s", owner, uuid);
	if (size <= 0 || size >= PATH_SIZE || strchr(owner, '/')) {
		errno = EINVAL;
		return false;
	}
	for (char *c = path; *c; c++)
		if (*c == '.')
			*c = '_';
	return true;
}

char *store_mark(struct store *store, struct arena *arena, const char *owner, const char *uuid)
{
	char path[PATH_SIZE];
	return mark_path(path, owner, uuid) ? read_path(store, arena, 64 << 10, path) : NULL;
}

/* dom0 only: a node's first permission is its owner and what everybody else may. */
static bool forbid(struct store *store, const char *path)
{
	struct xs_permissions none = {.id = 0, .perms = XS_PERM_NONE};
	return xs_set_permissions(store->talk, XBT_NULL, path, &none, 1);
}

bool store_set_mark(struct store *store, const char *owner, const char *uuid, const char *text)
{
	static const char folder[] = "/tool/xensteer";
	char path[PATH_SIZE];
	if (!mark_path(path, owner, uuid))
		return false;
	/* a new node inherits the permissions of its parent: so the folders are closed before the mark is
	 * made */
	int tries = 0;
	do {
		if (!talk(store) || !xs_mkdir(store->talk, XBT_NULL, folder) || !forbid(store, folder))
			continue;
		if (xs_write(store->talk, XBT_NULL, path, text, (unsigned)strlen(text)) &&
			forbid(store, path))
			return true;
	} while (again(store, &tries));
	return false;
}

bool store_unmark(struct store *store, const char *owner, const char *uuid)
{
	char path[PATH_SIZE];
	if (!mark_path(path, owner, uuid))
		return false;
	int tries = 0;
	do {
		if (talk(store) && xs_rm(store->talk, XBT_NULL, path))
			return true;
		if (errno == ENOENT)
			return true;
	} while (again(store, &tries));
	return false;
}

static bool note_path(char path[PATH_SIZE], const char *owner, const char *uuid, const char *key)
{
	char mark[PATH_SIZE];
	const int size = mark_path(mark, owner, uuid) ? snprintf(path, PATH_SIZE, "%s/%s", mark, key) : -1;
	if (size > 0 && size < PATH_SIZE)
		return true;
	errno = EINVAL;
	return false;
}

char *store_note(
	struct store *store, struct arena *arena, const char *owner, const char *uuid, const char *key)
{
	char path[PATH_SIZE];
	return note_path(path, owner, uuid, key) ? read_path(store, arena, 256, path) : NULL;
}

bool store_set_note(
	struct store *store, const char *owner, const char *uuid, const char *key, const char *text)
{
	char path[PATH_SIZE];
	int tries = 0;
	if (!note_path(path, owner, uuid, key))
		return false;
	do {
		if (talk(store) && xs_write(store->talk, XBT_NULL, path, text, (unsigned)strlen(text)) &&
			forbid(store, path))
			return true;
	} while (again(store, &tries));
	return false;
}

/* One transaction: a guest that is fast never sees the node without its right to it, and no other guest ever
 * has one. The first permission is what everybody else may: nothing. */
static bool offer(struct xs_handle *talk, const char *path, const char *value, int64_t domid)
{
	struct xs_permissions permissions[] = {{.id = 0, .perms = XS_PERM_NONE},
		{.id = (unsigned)domid, .perms = XS_PERM_READ | XS_PERM_WRITE}};
	const xs_transaction_t transaction = xs_transaction_start(talk);
	if (!transaction)
		return false;
	const bool good = xs_write(talk, transaction, path, value, (unsigned)strlen(value)) &&
			  xs_set_permissions(talk, transaction, path, permissions, 2);
	const int error = errno;
	const bool ended = xs_transaction_end(talk, transaction, !good);
	if (!good)
		errno = error;
	return good && ended;
}

bool store_offer(struct store *store, const char *path, const char *value, int64_t domid)
{
	enum { CONFLICTS_MOST = 16 };
	int tries = 0, conflicts = 0;
	do {
		/* somebody else wrote something meanwhile: all of it again */
		while (talk(store) && conflicts++ < CONFLICTS_MOST) {
			if (offer(store->talk, path, value, domid))
				return true;
			if (errno != EAGAIN)
				break;
		}
		if (errno == EAGAIN)
			errno = EBUSY;
	} while (again(store, &tries));
	return false;
}

/* A backend's path comes from /libxl, which dom0 writes, and is used only below dom0's own backends. */
static bool is_backend(const char *path)
{
	return path && text_starts(path, "/local/domain/0/backend/") && strlen(path) < 256;
}

/* Is a node absent, and not only unreadable? */
static bool is_absent(struct store *store, struct arena *arena, const char *path)
{
	return !store_read(store, arena, 1, "%s", path) && errno == ENOENT;
}

/* dom0 takes a device away by online=0 and waits for the guest; a guest that closes its side by itself, as
 * while it boots another kernel, is at no fault. The guest's own state says only what it may lose. */
static enum fault fault_of(
	struct store *store, struct arena *arena, const struct store_device *device, const char *at)
{
	if (device->state == BACKEND_ABSENT)
		return is_absent(store, arena, device->backend) ? fault_let_go : fault_none;
	if (store_number(store, "%s/online", device->backend) == 0) {
		const char *frontend = store_read(store, arena, 256, "%s/frontend", at);
		const int64_t guest = frontend ? store_number(store, "%s/state", frontend) : -1;
		const bool closed = device->state == BACKEND_CLOSED || guest == BACKEND_CLOSED;
		return closed ? fault_let_go : fault_half_detached;
	}
	if (device->error && *device->error)
		return fault_hotplug;
	if (device->qdisk)
		return device->state == BACKEND_INITIALISING ? fault_unserved : fault_none;
	return !device->plugged && device->state < BACKEND_CONNECTED ? fault_hotplug : fault_none;
}

/* What is behind a disk: "/disk.img" of a block backend, "qcow2:/disk.img" of a QEMU. */
static const char *target_of(struct store *store, struct arena *arena, const char *at)
{
	const char *params = store_read(store, arena, 1024, "%s/params", at);
	return params && *params != '/' ? strchr(params, '/') : params;
}

static void read_backend(
	struct store *store, struct arena *arena, struct store_device *device, const char *at)
{
	device->qdisk = text_starts(device->backend, "/local/domain/0/backend/qdisk/");
	device->state = store_number(store, "%s/state", device->backend);
	device->error = store_read(store, arena, 256, "%s/hotplug-error", device->backend);
	const char *status = store_read(store, arena, 32, "%s/hotplug-status", device->backend);
	if (text_equal(status, "error") && !(device->error && *device->error))
		device->error = "its hotplug script failed";
	device->plugged = text_equal(status, "connected");
	device->node = store_read(store, arena, 32, "%s/node", device->backend);
	device->fault = fault_of(store, arena, device, at);
}

struct list store_devices(struct store *store, struct arena *arena, int64_t domid, const char *kind)
{
	struct list devices = {0};
	struct list names = store_names(store, arena, "/libxl/%lld/device/%s", (long long)domid, kind);
	for (uint32_t i = 0; i < names.count; i++) {
		const char *name = names.item[i];
		const char *at =
			arena_format(arena, "/libxl/%lld/device/%s/%s", (long long)domid, kind, name);
		struct store_device *device = arena_make(arena, struct store_device);
		device->number = store_decimal(name);
		device->vdev = store_read(store, arena, 32, "%s/dev", at);
		device->backend = store_read(store, arena, 256, "%s/backend", at);
		device->state = BACKEND_ABSENT;
		device->mac = store_read(store, arena, 32, "%s/mac", at);
		device->bridge = store_read(store, arena, 32, "%s/bridge", at);
		device->target = target_of(store, arena, at);
		device->writes = text_equal(store_read(store, arena, 8, "%s/mode", at), "w");
		if (is_backend(device->backend))
			read_backend(store, arena, device, at);
		list_add(arena, &devices, device);
	}
	return devices;
}

int64_t store_vcpus(struct store *store, int64_t domid)
{
	ARENA_SCOPED arena = arena_new();
	int64_t online = 0;
	for (int vcpu = 0;; vcpu++) {
		const char *word = store_read(
			store, arena, 16, "/local/domain/%lld/cpu/%d/availability", (long long)domid, vcpu);
		if (!word)
			return online;
		online += strcmp(word, "online") == 0;
	}
}

static const char *const backend_kinds[] = {"vbd", "qdisk", "vif"};

bool store_backends_left(struct store *store, int64_t domid)
{
	ARENA_SCOPED arena = arena_new();
	for (size_t i = 0; i < sizeof(backend_kinds) / sizeof(*backend_kinds); i++) {
		const struct list left = store_names(
			store, arena, "/local/domain/0/backend/%s/%lld", backend_kinds[i], (long long)domid);
		if (left.count || (errno && errno != ENOENT))
			return true;
	}
	return false;
}

void store_backends_remove(struct store *store, int64_t domid)
{
	ARENA_SCOPED arena = arena_new();
	for (size_t i = 0; i < sizeof(backend_kinds) / sizeof(*backend_kinds); i++) {
		const char *path = arena_format(
			arena, "/local/domain/0/backend/%s/%lld", backend_kinds[i], (long long)domid);
		int tries = 0;
		while (!(talk(store) && xs_rm(store->talk, XBT_NULL, path)) && again(store, &tries))
			;
	}
}

bool store_device_model(struct store *store, int64_t domid)
{
	int64_t pid = store_number(store, "/local/domain/%lld/image/device-model-pid", (long long)domid);
	struct stat found;
	ARENA_SCOPED arena = arena_new();
	return pid > 0 && stat(arena_format(arena, "/proc/%lld", (long long)pid), &found) == 0;
}
