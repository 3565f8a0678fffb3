/* Descriptions of domains, kept under a print: what xenstore says of all that a description shows and dom0
 * may change (name, memory, vcpus, devices and their backends). The print is read before xl is run: what
 * changes in between makes the print differ the next time. What xenstore does not show (weights, pinning by
 * hand) is seen after KEPT_LIMIT at the latest.
 *
 *   kept, same print, young     no program is run
 *   one domain is not           xl list -l DOMID
 *   several are not             xl list -l
 */
#include "host/xen/cache.h"
#include "host/xen/store.h"
#include "host/xen/xen.h"
#include "host/xen/xl_describe.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	DESCRIBE_DEADLINE = 20000, /* ms */
	INFO_DEADLINE = 10000,
	KEPT_LIMIT = 600000,
	INFO_LIMIT = 60000,
	PART_LIMIT = 256, /* bytes of a value in a print */
};

struct kept {
	int64_t domid, since;
	char uuid[UID_SIZE];
	char *print, *text; /* text: an array of one, as xl prints it */
};

/* What a program said of the whole host, and of which domains it could speak then. */
struct answer {
	char *text, *print;
	int64_t since;
};

struct cache {
	struct kept *kept; /* in the order of domids */
	uint32_t count, room;
	struct answer info, vcpus;
};

struct cache *cache_new(void)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		memory_ended();
	return cache;
}

static void kept_drop(struct kept *kept)
{
	free(kept->print);
	free(kept->text);
}

static void answer_drop(struct answer *answer)
{
	free(answer->text);
	free(answer->print);
	*answer = (struct answer){0};
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	for (uint32_t i = 0; i < cache->count; i++)
		kept_drop(&cache->kept[i]);
	free(cache->kept);
	answer_drop(&cache->info);
	answer_drop(&cache->vcpus);
	free(cache);
}

static char *copy_of(const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		memory_ended();
	return copy;
}

/* The place of the first whose domid is not below this one. */
static uint32_t place_of(const struct cache *cache, int64_t domid)
{
	uint32_t low = 0, high = cache->count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (cache->kept[middle].domid < domid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct kept *find(struct cache *cache, const struct listed *listed)
{
	const uint32_t place = place_of(cache, listed->domid);
	struct kept *kept = place < cache->count ? &cache->kept[place] : NULL;
	return kept && kept->domid == listed->domid && strcmp(kept->uuid, listed->uuid) == 0 ? kept : NULL;
}

static void remove_at(struct cache *cache, uint32_t place)
{
	kept_drop(&cache->kept[place]);
	cache->count--;
	memmove(&cache->kept[place], &cache->kept[place + 1], (cache->count - place) * sizeof(*cache->kept));
}

static void keep(
	struct cache *cache, const struct listed *listed, const char *print, const char *text, int64_t now)
{
	const uint32_t place = place_of(cache, listed->domid);
	if (place < cache->count && cache->kept[place].domid == listed->domid)
		remove_at(cache, place);
	if (cache->count == cache->room) {
		cache->room = cache->room ? cache->room * 2 : 16;
		cache->kept = reallocarray(cache->kept, cache->room, sizeof(*cache->kept));
		if (!cache->kept)
			memory_ended();
	}
	struct kept *kept = &cache->kept[place];
	memmove(kept + 1, kept, (cache->count - place) * sizeof(*kept));
	cache->count++;
	*kept = (struct kept){
		.domid = listed->domid, .since = now, .print = copy_of(print), .text = copy_of(text)};
	memcpy(kept->uuid, listed->uuid, UID_SIZE);
}

void cache_forget(struct cache *cache, const char *uuid)
{
	for (uint32_t i = cache->count; i-- > 0;)
		if (strcmp(cache->kept[i].uuid, uuid) == 0)
			remove_at(cache, i);
	answer_drop(&cache->info);
	answer_drop(&cache->vcpus);
}

/* Domains that are gone; a used domid is given out again. */
static void forget_absent(struct cache *cache, struct arena *arena, const struct list *listed)
{
	bool *there = arena_array(arena, bool, cache->count + 1);
	for (uint32_t i = 0; i < listed->count; i++) {
		const struct kept *kept = find(cache, listed->item[i]);
		if (kept)
			there[kept - cache->kept] = true;
	}
	for (uint32_t i = cache->count; i-- > 0;)
		if (!there[i])
			remove_at(cache, i);
}

/* After store_names: is what it gave all there is? */
static bool is_told(void)
{
	return errno == 0 || errno == ENOENT;
}

static bool print_devices(struct buffer *print, struct store *store, struct arena *arena, int64_t domid)
{
	const struct list kinds = store_names(store, arena, "/libxl/%lld/device", (long long)domid);
	bool whole = is_told();
	for (uint32_t i = 0; i < kinds.count; i++) {
		const char *kind = kinds.item[i];
		const struct list devices =
			store_names(store, arena, "/libxl/%lld/device/%s", (long long)domid, kind);
		whole = whole && is_told();
		for (uint32_t k = 0; k < devices.count; k++) {
			const char *backend =
				store_read(store, arena, PART_LIMIT, "/libxl/%lld/device/%s/%s/backend",
					(long long)domid, kind, (const char *)devices.item[k]);
			buffer_format(print, "%s %s %s %lld\n", kind, (const char *)devices.item[k],
				backend ? backend : "-",
				backend && text_starts(backend, "/local/domain/0/backend/")
					? (long long)store_number(store, "%s/state", backend)
					: 0);
		}
	}
	return whole;
}

/* NULL where xenstore does not say all of it. */
static char *print_of(struct store *store, struct arena *arena, const struct listed *listed)
{
	BUFFER_SCOPED print = {0};
	const long long domid = (long long)listed->domid;
	const char *name = store_read(store, arena, PART_LIMIT, "/local/domain/%lld/name", domid);
	if (!name)
		return NULL;
	buffer_format(&print, "%s\n%s\n%lld %lld\n", name, listed->name ? listed->name : "",
		(long long)listed->memory,
		(long long)store_number(store, "/local/domain/%lld/memory/target", domid));
	const struct list cpus = store_names(store, arena, "/local/domain/%lld/cpu", domid);
	bool whole = is_told();
	for (uint32_t i = 0; i < cpus.count; i++) {
		const char *cpu = cpus.item[i];
		const char *is =
			store_read(store, arena, 16, "/local/domain/%lld/cpu/%s/availability", domid, cpu);
		buffer_format(&print, "%s %s\n", cpu, is ? is : "-");
	}
	whole = print_devices(&print, store, arena, listed->domid) && whole;
	return whole ? arena_text(arena, buffer_string(&print)) : NULL;
}

static bool ask(struct arena *arena, const struct listed *only, struct list *pieces)
{
	const char *const argv[] = {
		"xl", "list", "-l", only ? arena_format(arena, "%lld", (long long)only->domid) : NULL, NULL};
	struct run_result result;
	const char *error;
	return run_wait(arena, argv, DESCRIBE_DEADLINE, &result) && !result.truncated &&
	       xl_describe_split(arena, result.output, result.output_size, pieces, &error);
}

static const struct described_text *piece_of(const struct list *pieces, const struct listed *listed)
{
	for (uint32_t i = 0; i < pieces->count; i++) {
		const struct described_text *piece = pieces->item[i];
		if (piece->domid == listed->domid && text_equal(piece->uuid, listed->uuid))
			return piece;
	}
	return NULL;
}

static void describe(struct arena *arena, const char *text, struct list *described)
{
	struct list one;
	const char *error;
	if (xl_describe_list(arena, text, strlen(text), &one, &error) && one.count)
		list_add(arena, described, one.item[0]);
}

bool cache_describe(struct cache *cache, struct store *store, struct arena *arena, const struct list *listed,
	int64_t now, struct list *described, bool *asked)
{
	struct list stale = {0}, prints = {0}, pieces = {0};
	const bool sees = store_reachable(store);
	bool alone = false, complete = true;
	forget_absent(cache, arena, listed);
	for (uint32_t i = 0; i < listed->count; i++) {
		struct listed *one = listed->item[i];
		struct kept *kept = find(cache, one);
		alone |= one->busy;
		if (one->power == found_power_Dying || one->busy)
			continue;
		char *print = sees ? print_of(store, arena, one) : NULL;
		if (kept && print && now - kept->since < KEPT_LIMIT && strcmp(kept->print, print) == 0) {
			describe(arena, kept->text, described);
			continue;
		}
		list_add(arena, &stale, one);
		list_add(arena, &prints, print);
	}
	*asked = stale.count;
	if (!stale.count)
		return true;
	/* to ask about all is to wait for every xl that holds the lock of one */
	if (stale.count > 1 && !alone)
		complete = ask(arena, NULL, &pieces);
	for (uint32_t i = 0; (stale.count == 1 || alone) && i < stale.count; i++)
		complete = ask(arena, stale.item[i], &pieces) && complete;
	for (uint32_t i = 0; i < stale.count; i++) {
		const struct listed *one = stale.item[i];
		const struct described_text *piece = piece_of(&pieces, one);
		if (!piece)
			continue;
		describe(arena, piece->text, described);
		if (prints.item[i])
			keep(cache, one, prints.item[i], piece->text, now);
	}
	return complete;
}

/* Asked anew when it is not young any more, or domains came, went or changed their size. */
static const char *answer_of(struct answer *answer, struct arena *arena, const char *const *argv,
	const struct list *listed, int64_t now, const char **error)
{
	BUFFER_SCOPED print = {0};
	for (uint32_t i = 0; i < listed->count; i++) {
		const struct listed *one = listed->item[i];
		buffer_format(&print, "%lld %lld\n", (long long)one->domid, (long long)one->memory);
	}
	if (answer->text && now - answer->since < INFO_LIMIT &&
		strcmp(answer->print, buffer_string(&print)) == 0)
		return answer->text;
	struct run_result result;
	if (!run_wait(arena, argv, INFO_DEADLINE, &result) || result.truncated) {
		*error = xl_failure(arena, argv, &result);
		return NULL;
	}
	answer_drop(answer);
	*answer = (struct answer){
		.text = copy_of(result.output), .print = copy_of(buffer_string(&print)), .since = now};
	return answer->text;
}

const char *cache_info(
	struct cache *cache, struct arena *arena, const struct list *listed, int64_t now, const char **error)
{
	static const char *const argv[] = {"xl", "info", NULL};
	return answer_of(&cache->info, arena, argv, listed, now, error);
}

const char *cache_vcpus(
	struct cache *cache, struct arena *arena, const struct list *listed, int64_t now, const char **error)
{
	static const char *const argv[] = {"xl", "vcpu-list", NULL};
	return answer_of(&cache->vcpus, arena, argv, listed, now, error);
}
