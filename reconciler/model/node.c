/* JSON to nodes: cJSON parses, its tree is turned into ours and given back at once. What arrives may be a
 * snapshot from anywhere or a record that was cut off; what leaves is a tree in the arena, or a diagnostic
 * that says where the text stopped being JSON. Nodes from JSON have no marks: nobody wrote them by hand. */
#include "model/node.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static void json_drop(cJSON **json)
{
	cJSON_Delete(*json);
}
#define JSON_SCOPED __attribute__((cleanup(json_drop))) cJSON *

static struct node *scalar_make(struct arena *arena, const char *text, bool quoted)
{
	struct node *node = arena_make(arena, struct node);
	node->kind = NODE_SCALAR;
	node->quoted = quoted;
	node->size = strlen(text);
	node->text = arena_copy(arena, text, node->size);
	return node;
}

/* cJSON keeps numbers as doubles: exact for integers up to 2^53, and what it cannot hold is no integer here.
 */
static struct node *number_make(struct arena *arena, double number)
{
	char text[40];
	if (number == floor(number) && fabs(number) <= 0x1p53)
		snprintf(text, sizeof(text), "%lld", (long long)number);
	else
		snprintf(text, sizeof(text), "%.17g", number);
	return scalar_make(arena, text, false);
}

static struct node *node_make(struct arena *arena, const cJSON *json)
{
	if (cJSON_IsString(json))
		return scalar_make(arena, json->valuestring, true);
	if (cJSON_IsNumber(json))
		return number_make(arena, json->valuedouble);
	if (cJSON_IsBool(json))
		return scalar_make(arena, cJSON_IsTrue(json) ? "true" : "false", false);

	struct node *node = arena_make(arena, struct node);
	if (!cJSON_IsArray(json) && !cJSON_IsObject(json)) {
		node->kind = NODE_NULL;
		node->text = "null";
		node->size = 4;
		return node;
	}
	bool keyed = cJSON_IsObject(json);
	uint32_t count = 0;
	for (const cJSON *child = json->child; child; child = child->next)
		count += keyed ? 2 : 1;
	node->kind = keyed ? NODE_MAPPING : NODE_SEQUENCE;
	node->item = arena_array(arena, struct node *, count);
	for (const cJSON *child = json->child; child; child = child->next) {
		if (keyed)
			node->item[node->count++] = scalar_make(arena, child->string, true);
		node->item[node->count++] = node_make(arena, child);
	}
	return node;
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

struct node *node_from_json(
	struct arena *arena, const char *text, size_t size, const char **rest, struct report *report)
{
	const char *end = text;
	JSON_SCOPED json = cJSON_ParseWithLengthOpts(text, size, &end, false);
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
			return NULL;
		}
	}
	return node_make(arena, json);
}
