/* JSON to nodes: cJSON parses, its tree is turned into ours and given back, at once or
 * when who borrowed its texts is done. What arrives may be a
 * snapshot from anywhere or a record that was cut off; what leaves is a tree in the arena, or a diagnostic
 * that says where the text stopped being JSON. Nodes from JSON have no marks: nobody wrote them by hand. */
#include "model/node.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

void node_owner_drop(struct cJSON **owner)
{
	cJSON_Delete(*owner);
}

/* What one tree is made with. */
struct maker {
	struct arena *arena;
	bool borrow; /* texts stay in cJSON's tree */
};

static void scalar_make(const struct maker *maker, struct node *node, const char *text, bool quoted)
{
	node->kind = NODE_SCALAR;
	node->quoted = quoted;
	node->size = strlen(text);
	node->text = maker->borrow ? text : arena_copy(maker->arena, text, node->size);
}

/* cJSON keeps numbers as doubles: exact for integers up to 2^53, and what it cannot hold is no integer here.
 */
static void number_make(const struct maker *maker, struct node *node, double number)
{
	char text[40];
	int size;
	if (number == floor(number) && fabs(number) <= 0x1p53)
		size = snprintf(text, sizeof(text), "%lld", (long long)number);
	else
		size = snprintf(text, sizeof(text), "%.17g", number);
	node->kind = NODE_SCALAR;
	node->size = (size_t)size;
	node->text = arena_copy(maker->arena, text, node->size);
}

static void node_fill(const struct maker *, struct node *, const cJSON *);

/* All nodes of one collection stand side by side. */
static void collection_make(const struct maker *maker, struct node *node, const cJSON *json)
{
	const bool keyed = cJSON_IsObject(json);
	uint32_t count = 0;
	for (const cJSON *child = json->child; child; child = child->next)
		count += keyed ? 2 : 1;
	node->kind = keyed ? NODE_MAPPING : NODE_SEQUENCE;
	node->item = arena_array(maker->arena, struct node *, count);
	struct node *next = arena_array(maker->arena, struct node, count);
	for (const cJSON *child = json->child; child; child = child->next) {
		if (keyed) {
			scalar_make(maker, next, child->string, true);
			node->item[node->count++] = next++;
		}
		node_fill(maker, next, child);
		node->item[node->count++] = next++;
	}
}

static void node_fill(const struct maker *maker, struct node *node, const cJSON *json)
{
	if (cJSON_IsString(json)) {
		scalar_make(maker, node, json->valuestring, true);
	} else if (cJSON_IsNumber(json)) {
		number_make(maker, node, json->valuedouble);
	} else if (cJSON_IsBool(json)) {
		scalar_make(maker, node, cJSON_IsTrue(json) ? "true" : "false", false);
	} else if (cJSON_IsArray(json) || cJSON_IsObject(json)) {
		collection_make(maker, node, json);
	} else {
		node->kind = NODE_NULL;
		node->text = "null";
		node->size = 4;
	}
}

static bool position_report(struct report *report, const char *text, const char *at, const char *what)
{
	unsigned line = 1, column = 1;
	for (; text < at; text++) {
		column = *text == '\n' ? 1 : column + (((unsigned char)*text & 0xc0) != 0x80);
		line += *text == '\n';
	}
	return report_error(report, NULL, NULL, NULL, "%s at line %u, column %u", what, line, column);
}

/* cJSON's tree; NULL with a diagnostic. */
static cJSON *json_parse(const char *text, size_t size, const char **rest, struct report *report)
{
	const char *end = text;
	cJSON *json = cJSON_ParseWithLengthOpts(text, size, &end, false);
	if (rest)
		*rest = end;
	if (!json) {
		position_report(
			report, text, end, size ? "not JSON" : "nothing there where JSON was expected");
		return NULL;
	}
	if (!rest) {
		while (end < text + size && strchr(" \t\r\n", *end) && *end)
			end++;
		if (end < text + size) {
			position_report(report, text, end, "something follows the JSON value");
			cJSON_Delete(json);
			return NULL;
		}
	}
	return json;
}

static struct node *tree_make(struct arena *arena, const cJSON *json, bool borrow)
{
	const struct maker maker = {.arena = arena, .borrow = borrow};
	struct node *node = arena_make(arena, struct node);
	node_fill(&maker, node, json);
	return node;
}

struct node *node_from_json(
	struct arena *arena, const char *text, size_t size, const char **rest, struct report *report)
{
	NODE_OWNER_SCOPED json = json_parse(text, size, rest, report);
	if (json && !text_utf8(text, size)) {
		report_error(report, NULL, NULL, NULL, "not UTF-8, as JSON must be");
		return NULL;
	}
	return json ? tree_make(arena, json, false) : NULL;
}

struct node *node_borrow_json(struct arena *arena, const char *text, size_t size, const char **rest,
	struct cJSON **owner, struct report *report)
{
	*owner = json_parse(text, size, rest, report);
	return *owner ? tree_make(arena, *owner, true) : NULL;
}
