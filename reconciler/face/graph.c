/* The graph from WANT and HAVE: per volume the layers that its label records, or where there is no label yet
 * none; an image is one node, however many volumes stand on it. Users are found from the side of the domains,
 * by the id of a disk's file or device and by its path where the id is not known, because a volume may be
 * with a guest that no manifest gives it to. */
#include "face/graph.h"
#include "model/chain.h"
#include <inttypes.h>
#include <string.h>

struct graph graph_begin(struct arena *arena, const struct want *want, const struct have *have)
{
	return (struct graph){.arena = arena, .want = want, .have = have};
}

static struct graph_node *node_add(struct graph *graph, enum graph_kind kind, const char *id)
{
	struct graph_node *node = arena_make(graph->arena, struct graph_node);

	node->kind = kind;
	node->id = id;
	list_add(graph->arena, &graph->nodes, node);
	return node;
}

static struct graph_edge *edge_add(struct graph *graph, const struct graph_node *from,
	const struct graph_node *to, enum graph_relation relation)
{
	struct graph_edge *edge = arena_make(graph->arena, struct graph_edge);

	edge->from = from;
	edge->to = to;
	edge->relation = relation;
	list_add(graph->arena, &graph->edges, edge);
	return edge;
}

/* Images, domains and the host are one node each; there are few of them in what is described. */
static struct graph_node *node_shared(struct graph *graph, enum graph_kind kind, const char *id)
{
	for (uint32_t i = 0; i < graph->nodes.count; i++) {
		struct graph_node *node = graph->nodes.item[i];

		if (node->kind == kind && strcmp(node->id, id) == 0)
			return node;
	}
	return node_add(graph, kind, id);
}

static struct graph_node *image_node(struct graph *graph, const char *name)
{
	struct graph_node *node =
		node_shared(graph, GRAPH_IMAGE, arena_format(graph->arena, "Image/%s", name));

	node->layer = "image";
	node->image = have_image(graph->have, name);
	if (node->image && KNOWN(node->image, HaveImage, present))
		node->presence = node->image->present ? GRAPH_THERE : GRAPH_MISSING;
	else
		node->presence = GRAPH_UNKNOWN;
	return node;
}

void graph_add_image(struct graph *graph, const char *name)
{
	image_node(graph, name);
}

static bool is_closed(const struct LayerFound *found)
{
	return found && KNOWN(found, LayerFound, open) && !found->open;
}

/* `hidden`: a layer below is closed, so what is above is only what the label says. */
static enum graph_presence presence_of(const struct HaveVolume *volume, const struct LayerFound *recorded,
	const struct LayerFound *found, bool hidden)
{
	if (!KNOWN(volume, HaveVolume, state) || (volume->state == volume_state_broken && !found))
		return GRAPH_UNKNOWN;
	if (found)
		return hidden || is_closed(found) ? GRAPH_CLOSED : GRAPH_THERE;
	return volume->state == volume_state_closed || KNOWN(recorded, LayerFound, id) ? GRAPH_CLOSED
										       : GRAPH_MISSING;
}

/* One layer of a volume that is there. The image's node is shared, so what this volume found of it fills only
 * what is not known otherwise. */
static struct graph_node *layer_node(struct graph *graph, const struct graph_volume *volume, uint32_t depth,
	const struct LayerFound *recorded, const struct LayerFound *found, bool hidden)
{
	const char *key = recorded->layer ? recorded->layer : "?";
	struct graph_node *node;

	if (strcmp(key, "image") == 0 && recorded->base) {
		node = image_node(graph, recorded->base);
		if (node->presence == GRAPH_UNKNOWN)
			node->presence = presence_of(volume->have, recorded, found, hidden);
	} else {
		node = node_add(graph, GRAPH_LAYER,
			arena_format(graph->arena, "Volume/%s/%" PRIu32, volume->name, depth));
		node->layer = key;
		node->depth = depth;
		node->presence = presence_of(volume->have, recorded, found, hidden);
	}
	if (!node->recorded)
		node->recorded = recorded;
	if (!node->found)
		node->found = found;
	return node;
}

bool graph_stands_on(const struct HaveVolume *volume, const char *image)
{
	const struct list *rows =
		volume->label && KNOWN(volume->label, Label, chain) ? &volume->label->chain : &volume->chain;

	for (uint32_t i = 0; i < rows->count; i++) {
		const struct LayerFound *layer = rows->item[i];

		if (text_equal(layer->layer, "image") && text_equal(layer->base, image))
			return true;
	}
	return false;
}

/* What a chain carries at one height: see model/action.h, struct link. */
struct carried {
	const struct graph_node *data, *place; /* NULL: none yet */
};

/* An image lies where it is; the first file above a filesystem lies in it, whatever it stands on. */
static void edges_below(struct graph *graph, const struct graph_node *node, struct carried *carried)
{
	const struct layer_row *row = layer_row_find(node->layer);
	bool is_image = node->kind == GRAPH_IMAGE;

	if (carried->data && !is_image)
		edge_add(graph, node, carried->data, GRAPH_STANDS_ON);
	if (carried->place && !is_image && (!carried->data || carried->data->kind == GRAPH_IMAGE))
		edge_add(graph, node, carried->place, GRAPH_LIES_IN);
	if (row && row->gives == PLACE_DATA)
		*carried = (struct carried){.place = node};
	else
		carried->data = node;
}

void graph_add_volume(struct graph *graph, const struct wanted_volume *want, const struct HaveVolume *have)
{
	struct carried carried = {0};
	bool hidden = false;
	struct graph_volume *volume = arena_make(graph->arena, struct graph_volume);
	const struct list *rows = NULL;

	if (want)
		volume->name = want->name;
	else if (have)
		volume->name = have->name ? have->name : have->uid;
	volume->want = want;
	volume->have = have;
	list_add(graph->arena, &graph->volumes, volume);
	if (have)
		rows = have->label && KNOWN(have->label, Label, chain) ? &have->label->chain : &have->chain;
	for (uint32_t i = 0; rows && i < rows->count; i++) {
		const struct LayerFound *found = i < have->chain.count ? have->chain.item[i] : NULL;
		const struct graph_node *node = layer_node(graph, volume, i, rows->item[i], found, hidden);

		edges_below(graph, node, &carried);
		volume->top = node;
		hidden |= is_closed(found);
	}
}

/* Where the layers are, for disks of domains and uses of dom0 to be found by. */
struct place {
	const char *key;
	const struct graph_node *node;
};

static const char *place_key(const void *item)
{
	return ((const struct place *)item)->key;
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(struct place *const *)a)->key, (*(struct place *const *)b)->key);
}

static void place_add(
	struct graph *graph, struct list *places, const char *key, const struct graph_node *node)
{
	struct place *place;

	if (!key)
		return;
	place = arena_make(graph->arena, struct place);
	*place = (struct place){key, node};
	list_add(graph->arena, places, place);
}

static struct index places_make(struct graph *graph)
{
	struct list places = {0};

	for (uint32_t i = 0; i < graph->nodes.count; i++) {
		const struct graph_node *node = graph->nodes.item[i];

		if (node->image)
			place_add(graph, &places, node->image->id, node);
		if (node->found && !(node->image && text_equal(node->image->id, node->found->id)))
			place_add(graph, &places, node->found->id, node);
		if (node->recorded)
			place_add(graph, &places, node->recorded->path, node);
	}
	list_sort(&places, by_key);
	return index_make(graph->arena, &places, place_key, by_key);
}

static const struct graph_node *place_of(const struct index *places, const char *id, const char *path)
{
	const struct place *place = id ? index_find(places, id, place_key) : NULL;

	if (!place && !id && path)
		place = index_find(places, path, place_key);
	return place ? place->node : NULL;
}

/* What a domain is called everywhere: its manifest's name where it has one. */
static const char *domain_id(struct graph *graph, const struct HaveDomain *domain)
{
	const char *name = domain->mark && domain->mark->name ? domain->mark->name : domain->name;

	return arena_format(graph->arena, "Domain/%s", name ? name : domain->uuid);
}

static void found_users(struct graph *graph, const struct index *places)
{
	const struct list *domains = &graph->have->found->domains;

	for (uint32_t i = 0; i < domains->count; i++) {
		const struct HaveDomain *domain = domains->item[i];

		if (!KNOWN(domain, HaveDomain, spec) || !domain->spec)
			continue;
		for (uint32_t k = 0; k < domain->spec->disks.count; k++) {
			const struct Disk *disk = domain->spec->disks.item[k];
			const struct graph_node *to = place_of(places, disk->id, disk->target);
			struct graph_node *from;
			bool writes = !KNOWN(disk, Disk, access) || disk->access == access_rw;

			if (!to)
				continue;
			from = node_shared(graph, GRAPH_DOMAIN, domain_id(graph, domain));
			from->have = domain;
			edge_add(graph, from, to, writes ? GRAPH_WRITES : GRAPH_READS)->disk = disk->vdev;
		}
	}
}

static bool has_already(const struct graph *graph, const char *domain, const struct graph_node *to)
{
	for (uint32_t i = 0; i < graph->edges.count; i++) {
		const struct graph_edge *edge = graph->edges.item[i];

		if (edge->to == to && strcmp(edge->from->id, domain) == 0)
			return true;
	}
	return false;
}

static const struct graph_volume *volume_of(const struct graph *graph, const struct wanted_volume *want)
{
	for (uint32_t i = 0; i < graph->volumes.count; i++) {
		const struct graph_volume *volume = graph->volumes.item[i];

		if (volume->want == want)
			return volume;
	}
	return NULL;
}

static void wanted_users(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->want->domains.count; i++) {
		const struct wanted_domain *domain = graph->want->domains.item[i];

		for (uint32_t k = 0; k < domain->disks.count; k++) {
			const struct wanted_disk *disk = domain->disks.item[k];
			const struct graph_volume *volume =
				disk->volume ? volume_of(graph, disk->volume) : NULL;
			struct graph_node *from;
			struct graph_edge *edge;

			if (!volume || !volume->top || has_already(graph, domain->object->text, volume->top))
				continue;
			from = node_shared(graph, GRAPH_DOMAIN, domain->object->text);
			from->have = have_domain(graph->have, domain->uid);
			edge = edge_add(graph, from, volume->top, GRAPH_WANTS);
			edge->disk = disk->disk->vdev;
			edge->access = (enum access)disk->disk->access;
		}
	}
}

void graph_add_users(struct graph *graph)
{
	const struct list *uses = &graph->have->found->uses;
	const struct index places = places_make(graph);

	found_users(graph, &places);
	wanted_users(graph);
	for (uint32_t i = 0; i < uses->count; i++) {
		const struct HostUse *use = uses->item[i];
		const struct graph_node *to = place_of(&places, use->id, use->path);

		if (to)
			edge_add(graph, node_shared(graph, GRAPH_HOST, "dom0"), to, GRAPH_USES)->use = use;
	}
}
