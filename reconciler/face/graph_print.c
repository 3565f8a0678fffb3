/* The graph as a tree for people and as nodes and edges for programs. Texts that come from the host or from
 * labels are escaped. */
#include "face/graph.h"
#include "face/wording.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <string.h>

enum { DIGEST_SHOWN = 12, TEXT_LIMIT = 4096 };

static const char *const presence_words[] = {
	[GRAPH_THERE] = "there",
	[GRAPH_CLOSED] = "closed",
	[GRAPH_MISSING] = "missing",
	[GRAPH_UNKNOWN] = "unknown",
};
static const char *const relation_words[] = {
	[GRAPH_STANDS_ON] = "stands-on",
	[GRAPH_LIES_IN] = "lies-in",
	[GRAPH_WRITES] = "writes",
	[GRAPH_READS] = "reads",
	[GRAPH_WANTS] = "wants",
	[GRAPH_USES] = "uses",
};
static const char *const kind_words[] = {
	[GRAPH_LAYER] = "layer",
	[GRAPH_IMAGE] = "image",
	[GRAPH_DOMAIN] = "domain",
	[GRAPH_HOST] = "host",
};

/* What is known of a layer, from what was found, else from what the label says. */
struct facts {
	const char *path, *source, *digest; /* NULL: not known */
	int format;                         /* -1 */
	int64_t size, allocated, written;   /* -1 */
};

static struct facts facts_of_layer(const struct LayerFound *layer)
{
	struct facts facts = {.format = -1, .size = -1, .allocated = -1, .written = -1};

	if (!layer)
		return facts;
	facts.path = layer->path;
	facts.source = layer->source;
	facts.digest = layer->digest;
	if (KNOWN(layer, LayerFound, format))
		facts.format = layer->format;
	if (KNOWN(layer, LayerFound, size))
		facts.size = layer->size;
	if (KNOWN(layer, LayerFound, allocated))
		facts.allocated = layer->allocated;
	if (KNOWN(layer, LayerFound, written))
		facts.written = layer->written;
	return facts;
}

static void facts_of_image(const struct HaveImage *image, struct facts *facts)
{
	facts->path = image->path;
	if (KNOWN(image, HaveImage, digest))
		facts->digest = image->digest;
	if (KNOWN(image, HaveImage, format))
		facts->format = image->format;
	if (KNOWN(image, HaveImage, size))
		facts->size = image->size;
	if (KNOWN(image, HaveImage, allocated))
		facts->allocated = image->allocated;
}

static struct facts facts_of(const struct graph_node *node)
{
	struct facts facts = facts_of_layer(node->found ? node->found : node->recorded);

	if (node->image)
		facts_of_image(node->image, &facts);
	return facts;
}

/* Text. */

static void text_add(struct buffer *out, const char *text)
{
	buffer_escaped(out, text, strlen(text), TEXT_LIMIT);
}

static void item(struct buffer *out, const char *before, const char *text)
{
	buffer_text(out, out->size ? ", " : "");
	buffer_text(out, before);
	text_add(out, text);
}

/* "qcow2, 10GiB, 196KiB on disk, made on sha256:9f86d081884c" */
static void facts_text(struct buffer *out, const struct graph_node *node, const struct facts *facts)
{
	char size[32], short_digest[DIGEST_SHOWN + 1] = "";
	bool shared = node->kind == GRAPH_IMAGE;

	if (facts->format >= 0)
		item(out, "", choice_disk_format[facts->format]);
	if (facts->size >= 0)
		item(out, "", size_text(facts->size, size));
	if (facts->allocated >= 0)
		buffer_format(
			out, "%s%s on disk", out->size ? ", " : "", wording_size(facts->allocated, size));
	if (facts->source)
		item(out, "", facts->source);
	if (facts->digest) {
		strncat(short_digest, facts->digest, DIGEST_SHOWN);
		item(out, shared ? "sha256:" : "made on sha256:", short_digest);
	}
	if (node->presence != GRAPH_THERE)
		item(out, "",
			node->presence == GRAPH_UNKNOWN ? "not looked at" : presence_words[node->presence]);
}

static bool is_below(const struct graph_edge *edge)
{
	return edge->relation == GRAPH_STANDS_ON || edge->relation == GRAPH_LIES_IN;
}

static void user_text(struct buffer *out, const struct graph_edge *edge)
{
	switch (edge->relation) {
	case GRAPH_WRITES:
	case GRAPH_READS:
		text_add(out, edge->from->id);
		buffer_text(out, edge->relation == GRAPH_WRITES ? " writes it as " : " reads it as ");
		text_add(out, edge->disk ? edge->disk : "?");
		if (KNOWN(edge->from->have, HaveDomain, owned) && !edge->from->have->owned)
			buffer_text(out, " (unmanaged)");
		break;
	case GRAPH_WANTS:
		buffer_format(out, "%s wants it as %s (%s), and does not have it", edge->from->id, edge->disk,
			choice_access[edge->access]);
		break;
	case GRAPH_USES:
		buffer_text(out, "dom0: ");
		text_add(out, edge->use->what ? edge->use->what : "in use");
		break;
	case GRAPH_STANDS_ON:
	case GRAPH_LIES_IN:
		break;
	}
}

static void line(FILE *out, const char *indent, const char *before, const char *text)
{
	BUFFER_SCOPED escaped = {0};

	text_add(&escaped, text);
	fprintf(out, "%s%s%s\n", indent, before, buffer_string(&escaped));
}

static void user_lines(
	FILE *out, const struct graph *graph, const struct graph_node *node, const char *indent)
{
	for (uint32_t i = 0; i < graph->edges.count; i++) {
		const struct graph_edge *edge = graph->edges.item[i];
		BUFFER_SCOPED text = {0};

		if (edge->to != node || is_below(edge))
			continue;
		user_text(&text, edge);
		fprintf(out, "%s%s\n", indent, buffer_string(&text));
	}
}

/* How many other volumes of the host stand on the same image. */
static uint32_t others_on(const struct graph *graph, const struct graph_volume *volume, const char *image)
{
	const struct list *volumes = &graph->have->found->volumes;
	uint32_t count = 0;

	for (uint32_t i = 0; i < volumes->count; i++) {
		const struct HaveVolume *other = volumes->item[i];

		count += other != volume->have && graph_stands_on(other, image);
	}
	return count;
}

static void below_lines(FILE *out, const struct graph *graph, const struct graph_volume *volume,
	const struct graph_node *node, const char *indent);

/* One layer: a line, where it is, who has it; then what it stands on and lies in. */
static void layer_lines(FILE *out, const struct graph *graph, const struct graph_volume *volume,
	const struct graph_node *node, const char *indent, const char *branch, bool last)
{
	const struct facts facts = facts_of(node);
	const char *inner = arena_format(graph->arena, "%s%c  ", indent, last ? ' ' : '|');
	const char *deeper = arena_format(graph->arena, "%s  ", inner);
	bool shared = node->kind == GRAPH_IMAGE;
	BUFFER_SCOPED text = {0};
	uint32_t others = shared ? others_on(graph, volume, wording_name(node->id)) : 0;

	facts_text(&text, node, &facts);
	fprintf(out, "%s%c- %s%s%s%s%s%s\n", indent, last ? '`' : '|', branch, node->layer, shared ? " " : "",
		shared ? wording_name(node->id) : "", text.size ? "  " : "", buffer_string(&text));
	if (facts.path)
		line(out, deeper, "", facts.path);
	user_lines(out, graph, node, deeper);
	if (others)
		fprintf(out, "%s%" PRIu32 " more volume%s on it\n", deeper, others, others == 1 ? "" : "s");
	below_lines(out, graph, volume, node, inner);
}

static void below_lines(FILE *out, const struct graph *graph, const struct graph_volume *volume,
	const struct graph_node *node, const char *indent)
{
	const struct graph_edge *waiting = NULL; /* one behind, to know the last */

	for (uint32_t i = 0; i < graph->edges.count; i++) {
		const struct graph_edge *edge = graph->edges.item[i];

		if (edge->from != node || !is_below(edge))
			continue;
		if (waiting)
			layer_lines(out, graph, volume, waiting->to, indent,
				waiting->relation == GRAPH_LIES_IN ? "in " : "on ", false);
		waiting = edge;
	}
	if (waiting)
		layer_lines(out, graph, volume, waiting->to, indent,
			waiting->relation == GRAPH_LIES_IN ? "in " : "on ", true);
}

static void volume_lines(FILE *out, const struct graph *graph, const struct graph_volume *volume)
{
	const struct HaveVolume *have = volume->have;
	BUFFER_SCOPED text = {0};

	if (volume->want)
		wording_chain(&text, &volume->want->chain);
	else
		buffer_text(&text, "no manifest wants it");
	fprintf(out, "  %s: %s\n", volume->name, buffer_string(&text));
	if (!have) {
		fputs("    not there yet\n", out);
		return;
	}
	fprintf(out, "    %s, reclaim %s\n",
		KNOWN(have, HaveVolume, state) ? choice_volume_state[have->state] : "state not known",
		have->label && KNOWN(have->label, Label, reclaim) ? choice_reclaim[have->label->reclaim]
								  : "not known");
	if (have->problem)
		line(out, "    ", "", have->problem);
	if (volume->top)
		layer_lines(out, graph, volume, volume->top, "    ", "", true);
}

void graph_text(FILE *out, const struct graph *graph)
{
	for (uint32_t i = 0; i < graph->volumes.count; i++)
		volume_lines(out, graph, graph->volumes.item[i]);
}

void graph_text_image(FILE *out, const struct graph *graph, const char *name)
{
	const struct graph_node *image = graph->nodes.item[0];
	const struct facts facts = facts_of(image);
	BUFFER_SCOPED text = {0};

	facts_text(&text, image, &facts);
	fprintf(out, "  %s: %s\n", name, buffer_string(&text));
	user_lines(out, graph, image, "    ");
	if (!graph->volumes.count)
		fputs("    no volume stands on it\n", out);
	for (uint32_t i = 0; i < graph->volumes.count; i++) {
		const struct graph_volume *volume = graph->volumes.item[i];

		fprintf(out, "    `- Volume/%s", volume->name);
		if (KNOWN(volume->have, HaveVolume, state))
			fprintf(out, "  %s", choice_volume_state[volume->have->state]);
		fputc('\n', out);
		if (volume->top && volume->top != image)
			user_lines(out, graph, volume->top, "         ");
	}
}

/* JSON. */

static void size_json(struct json *json, const char *key, int64_t bytes)
{
	char text[32];

	json_text(json, key, bytes < 0 ? NULL : size_text(bytes, text));
}

static void layer_json(struct json *json, const struct graph_node *node)
{
	const struct facts facts = facts_of(node);
	char time[32];

	json_text(json, "layer", node->layer);
	if (node->kind == GRAPH_LAYER)
		json_int(json, "depth", node->depth);
	json_text(json, "state", presence_words[node->presence]);
	json_text(json, "path", facts.path);
	json_text(json, "format", facts.format < 0 ? NULL : choice_disk_format[facts.format]);
	json_text(json, "source", facts.source);
	size_json(json, "size", facts.size);
	size_json(json, "allocated", facts.allocated);
	json_text(json, "written", facts.written < 0 ? NULL : wording_time(facts.written, time));
	json_text(json, "digest", node->kind == GRAPH_IMAGE ? facts.digest : NULL);
	json_text(json, "baseDigest", node->kind == GRAPH_LAYER ? facts.digest : NULL);
}

static void node_json(struct json *json, const struct graph_node *node)
{
	json_open_flat_object(json, NULL);
	json_text(json, "id", node->id);
	json_text(json, "kind", kind_words[node->kind]);
	if (node->kind == GRAPH_LAYER || node->kind == GRAPH_IMAGE)
		layer_json(json, node);
	if (node->kind == GRAPH_DOMAIN) {
		const struct HaveDomain *have = node->have;

		json_bool(json, "there", have != NULL);
		if (have && KNOWN(have, HaveDomain, owned))
			json_bool(json, "owned", have->owned);
		else
			json_null(json, "owned");
	}
	json_close(json, '}');
}

static void edge_json(struct json *json, const struct graph_edge *edge)
{
	json_open_flat_object(json, NULL);
	json_text(json, "from", edge->from->id);
	json_text(json, "to", edge->to->id);
	json_text(json, "relation", relation_words[edge->relation]);
	if (edge->from->kind == GRAPH_DOMAIN)
		json_text(json, "disk", edge->disk);
	if (edge->relation == GRAPH_WANTS)
		json_text(json, "access", choice_access[edge->access]);
	if (edge->use)
		json_text(json, "what", edge->use->what);
	json_close(json, '}');
}

void graph_json(struct json *json, const char *key, const struct graph *graph)
{
	json_open_object(json, key);
	json_open_array(json, "nodes");
	for (uint32_t i = 0; i < graph->nodes.count; i++)
		node_json(json, graph->nodes.item[i]);
	json_close(json, ']');
	json_open_array(json, "edges");
	for (uint32_t i = 0; i < graph->edges.count; i++)
		edge_json(json, graph->edges.item[i]);
	json_close(json, ']');
	json_close(json, '}');
}
