/* Watches. Each has a number as its token, which its events bring back. xenstore fires a watch once when it
 * is set: that is no change, and passes unheard. What guests can write is not watched, only what dom0 writes;
 * a guest that makes its devices flap moves the state of their backends, and the daemon bounds how often it
 * looks.
 *
 *   @introduceDomain, @releaseDomain      some domain: look at everything
 *   /libxl/N                              its devices
 *   /local/domain/0/backend/KIND/N        their states
 *   /local/domain/N/{name,cpu,memory/..}  what xl rename, vcpu-set, mem-set ask for
 */
#include "host/xen/watch.h"
#include "host/xen/store.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

static const char *const everybody[] = {"@introduceDomain", "@releaseDomain"};
static const char *const paths[] = {
	"/libxl/%lld",
	"/local/domain/0/backend/vbd/%lld",
	"/local/domain/0/backend/qdisk/%lld",
	"/local/domain/0/backend/vif/%lld",
	"/local/domain/%lld/name",
	"/local/domain/%lld/cpu",
	"/local/domain/%lld/memory/target",
};
enum {
	EVERYBODY = sizeof(everybody) / sizeof(*everybody),
	PATHS = sizeof(paths) / sizeof(*paths),
	PATH_SIZE = 64,
	TOKEN_SIZE = 24,
};

/* A domain's watches have the tokens first to first + PATHS - 1. */
struct followed {
	int64_t domid, first;
	char uuid[UID_SIZE];
	bool heard[PATHS]; /* the event of setting it has come */
};

struct watch {
	struct xs_handle *handle;
	bool wanted; /* somebody asked for the descriptor */
	bool blind;  /* for some time nothing was watched that had been looked at */
	bool looked; /* since it was made */
	bool heard[EVERYBODY];
	struct followed *followed; /* in the order of their tokens */
	uint32_t count, room;
	int64_t next;
};

struct watch *watch_new(void)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		memory_ended();
	return watch;
}

static void watch_close(struct watch *watch)
{
	if (watch->handle)
		xs_close(watch->handle);
	watch->handle = NULL;
	watch->count = 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	watch_close(watch);
	free(watch->followed);
	free(watch);
}

static bool set(struct watch *watch, const char *path, int64_t number)
{
	char token[TOKEN_SIZE];
	(void)snprintf(token, sizeof(token), "%lld", (long long)number);
	return xs_watch(watch->handle, path, token);
}

static void connect_again(struct watch *watch)
{
	watch_close(watch);
	watch->handle = xs_open(XS_OPEN_SOCKETONLY);
	watch->blind = watch->looked;
	watch->next = EVERYBODY;
	for (int i = 0; i < EVERYBODY && watch->handle; i++) {
		watch->heard[i] = false;
		if (!set(watch, everybody[i], i))
			watch_close(watch);
	}
}

int watch_descriptor(struct watch *watch)
{
	watch->wanted = true;
	if (!watch->handle)
		connect_again(watch);
	return watch->handle ? xs_fileno(watch->handle) : -1;
}

static const char *path_of(char path[PATH_SIZE], int which, int64_t domid)
{
	/* the formats are ours, each with one number */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(path, PATH_SIZE, paths[which], (long long)domid);
#pragma GCC diagnostic pop
	return path;
}

static bool is_listed(const struct list *listed, const struct followed *followed)
{
	/* both lists are short, or in the order of domids: most are found at once */
	for (uint32_t i = 0; i < listed->count; i++) {
		const struct listed *one = listed->item[i];
		if (one->domid == followed->domid)
			return strcmp(one->uuid, followed->uuid) == 0;
	}
	return false;
}

static bool is_followed(const struct watch *watch, const struct listed *listed)
{
	for (uint32_t i = 0; i < watch->count; i++)
		if (watch->followed[i].domid == listed->domid)
			return true;
	return false;
}

static void leave(struct watch *watch, const struct followed *followed)
{
	char path[PATH_SIZE], token[TOKEN_SIZE];
	for (int i = 0; i < PATHS; i++) {
		(void)snprintf(token, sizeof(token), "%" PRId64, followed->first + i);
		(void)xs_unwatch(watch->handle, path_of(path, i, followed->domid), token);
	}
}

static bool follow(struct watch *watch, const struct listed *listed)
{
	char path[PATH_SIZE];
	if (watch->count == watch->room) {
		watch->room = watch->room ? watch->room * 2 : 16;
		watch->followed = reallocarray(watch->followed, watch->room, sizeof(*watch->followed));
		if (!watch->followed)
			memory_ended();
	}
	struct followed *followed = &watch->followed[watch->count++];
	*followed = (struct followed){.domid = listed->domid, .first = watch->next};
	memcpy(followed->uuid, listed->uuid, UID_SIZE);
	watch->next += PATHS;
	for (int i = 0; i < PATHS; i++)
		if (!set(watch, path_of(path, i, listed->domid), followed->first + i))
			return false;
	return true;
}

/* A death of xenstored wakes nobody: it is asked. */
static bool lives(struct watch *watch)
{
	unsigned size;
	char *root = watch->handle ? xs_read(watch->handle, XBT_NULL, "/", &size) : NULL;
	free(root);
	return root != NULL;
}

void watch_follow(struct watch *watch, const struct list *listed)
{
	watch->looked = true;
	if (!watch->wanted)
		return;
	if (!lives(watch))
		connect_again(watch);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < watch->count; i++) {
		if (is_listed(listed, &watch->followed[i]))
			watch->followed[kept++] = watch->followed[i];
		else
			leave(watch, &watch->followed[i]);
	}
	watch->count = kept;
	for (uint32_t i = 0; i < listed->count && watch->handle; i++)
		if (!is_followed(watch, listed->item[i]) && !follow(watch, listed->item[i]))
			watch_close(watch);
}

/* True if the watch of this token has now fired for the first time; *followed is the domain that it is about,
 * NULL for everybody and for one that is not followed any more (*known says which). */
static bool hear(struct watch *watch, int64_t token, struct followed **followed, bool *known)
{
	uint32_t low = 0, high = watch->count;
	*followed = NULL;
	*known = token >= 0 && token < EVERYBODY;
	if (*known) {
		const bool first = !watch->heard[token];
		watch->heard[token] = true;
		return first;
	}
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (watch->followed[middle].first + PATHS <= token)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == watch->count || token < watch->followed[low].first)
		return false;
	*known = true;
	*followed = &watch->followed[low];
	bool *heard = &(*followed)->heard[token - (*followed)->first];
	const bool first = !*heard;
	*heard = true;
	return first;
}

static void note(struct arena *arena, struct list *changed, const char *uuid)
{
	for (uint32_t i = 0; i < changed->count; i++)
		if (strcmp(changed->item[i], uuid) == 0)
			return;
	list_add(arena, changed, arena_text(arena, uuid));
}

bool watch_drain(struct watch *watch, struct arena *arena, struct list *changed)
{
	bool all = watch->blind;
	char **event;
	watch->blind = false;
	errno = EAGAIN;
	while (watch->handle && (event = xs_check_watch(watch->handle))) {
		struct followed *followed;
		bool known;
		const bool first = hear(watch, store_decimal(event[XS_WATCH_TOKEN]), &followed, &known);
		if (known && !first && followed)
			note(arena, changed, followed->uuid);
		else if (known && !first)
			all = true;
		free(event);
		errno = EAGAIN;
	}
	if (watch->handle && errno != EAGAIN) {
		watch_close(watch);
		all = watch->blind = true;
	}
	if (all)
		changed->count = 0;
	return all || changed->count;
}
