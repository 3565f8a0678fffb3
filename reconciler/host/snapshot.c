/* A host that was recorded: what arrives is a file written by `xensteer snapshot`, what leaves is HAVE, the
 * same at every observation. Nothing can be done to it. Its storage is what the file says of volumes and
 * images. The file is read once, when it is opened, so that all that is wrong with it is said then; every
 * observation shares its objects, which nobody changes and which live until the host is closed. */
#include "host/host.h"
#include "model/observation.h"
#include "storage/storage.h"
#include <string.h>

struct snapshot {
	struct host host;
	struct storage storage;
	struct arena *arena;
	struct Observation *found;
	/* ids of actions that were asked for all the same; each is refused once */
	struct list host_begun, storage_begun;
};

/* Either storage or host may be asked; the struct is one. */
static struct snapshot *snapshot_of(struct host *host)
{
	return (struct snapshot *)host;
}

static struct snapshot *snapshot_of_storage(const struct storage *storage)
{
	return (struct snapshot *)((char *)storage - offsetof(struct snapshot, storage));
}

/* The list is the observation's own, because it will be sorted; what it lists is shared. */
static void share_list(struct have *have, enum Observation_field index, const struct Observation *from)
{
	if (!from->at[index])
		return;
	have->found->at[index] = &mark_observed;
	const struct field *field = &type_Observation.fields[index];
	const struct list *list = field_value(field, from);
	struct list *into = field_value(field, have->found);
	*into = (struct list){.item = arena_array(have->arena, void *, list->count),
		.count = list->count,
		.room = list->count};
	if (list->count)
		memcpy(into->item, list->item, sizeof *list->item * list->count);
}

static void storage_observe(struct storage *storage, const struct want *want, struct have *have)
{
	const struct Observation *found = snapshot_of_storage(storage)->found;
	(void)want;
	share_list(have, Observation_volumes, found);
	share_list(have, Observation_images, found);
	share_list(have, Observation_drives, found);
	have->storage_known = KNOWN(found, Observation, volumes);
}

static void refuse(struct arena *arena, struct list *begun, const struct action *action)
{
	uint32_t *id = arena_make(arena, uint32_t);
	*id = action->id;
	list_add(arena, begun, id);
}

static bool refused(struct list *begun, struct finished *done)
{
	if (!begun->count)
		return false;
	done->id = *(uint32_t *)begun->item[--begun->count];
	done->outcome = OUTCOME_TERMINAL;
	done->message = "a snapshot cannot be changed";
	done->hint = "work on the host itself, or on sim:DIR";
	return true;
}

static void storage_begin(struct storage *storage, const struct action *action, const struct links *links)
{
	(void)links;
	struct snapshot *snapshot = snapshot_of_storage(storage);
	refuse(snapshot->arena, &snapshot->storage_begun, action);
}

static bool storage_reap(struct storage *storage, struct finished *done)
{
	return refused(&snapshot_of_storage(storage)->storage_begun, done);
}

static unsigned storage_busy(const struct storage *storage)
{
	return snapshot_of_storage(storage)->storage_begun.count;
}

static void storage_close(struct storage *storage)
{
	(void)storage; /* it is a part of the host */
}

static const struct storage_driver recorded_storage = {
	.name = "recorded",
	.observe = storage_observe,
	.begin = storage_begin,
	.reap = storage_reap,
	.busy = storage_busy,
	.close = storage_close,
};

static struct host *snapshot_open(const struct host_options *options, struct report *report)
{
	if (options->writes) {
		report_error(report, NULL, NULL, "use plan, or --host sim:DIR",
			"a snapshot cannot be changed: snapshot:%s is for looking only", options->target);
		return NULL;
	}
	struct arena *arena = arena_new();
	struct observation_options reading = {.wrong_value = SEVERITY_WARNING};
	struct Observation *found = observation_load(arena, options->target, &reading, report);
	if (!found) {
		arena_free(arena);
		return NULL;
	}
	struct snapshot *snapshot = arena_make(arena, struct snapshot);
	*snapshot = (struct snapshot){
		.host.driver = &host_snapshot,
		.storage.driver = &recorded_storage,
		.arena = arena,
		.found = found,
	};
	return &snapshot->host;
}

static void snapshot_observe(struct host *host, const struct want *want, struct have *have)
{
	const struct Observation *found = snapshot_of(host)->found;
	(void)want;
	if (found->host) {
		have->found->host = object_copy(have->arena, &type_HostFacts, found->host);
		KNOW(have->found, Observation, host, have->found->host);
	}
	share_list(have, Observation_domains, found);
	share_list(have, Observation_files, found);
	share_list(have, Observation_uses, found);
	have->known = KNOWN(found, Observation, domains);
	if (!have->known)
		have->why_unknown = "the snapshot does not say which domains there are";
	have->paths_known = false;
}

static int snapshot_watch(struct host *host)
{
	(void)host;
	return -1;
}

static bool snapshot_drain(struct host *host, struct arena *arena, struct list *changed)
{
	(void)host, (void)arena, (void)changed;
	return false;
}

static void snapshot_begin(struct host *host, const struct action *action, const struct links *links)
{
	(void)links;
	struct snapshot *snapshot = snapshot_of(host);
	refuse(snapshot->arena, &snapshot->host_begun, action);
}

static bool snapshot_reap(struct host *host, int64_t until, struct finished *done)
{
	(void)until;
	return refused(&snapshot_of(host)->host_begun, done);
}

static int64_t snapshot_now(struct host *host)
{
	(void)host;
	return runner_now();
}

static struct storage *snapshot_storage(struct host *host)
{
	return &snapshot_of(host)->storage;
}

static void snapshot_close(struct host *host)
{
	arena_free(snapshot_of(host)->arena);
}

const struct host_driver host_snapshot = {
	.name = "snapshot",
	.open = snapshot_open,
	.observe = snapshot_observe,
	.watch = snapshot_watch,
	.drain = snapshot_drain,
	.begin = snapshot_begin,
	.reap = snapshot_reap,
	.now = snapshot_now,
	.storage = snapshot_storage,
	.close = snapshot_close,
};
