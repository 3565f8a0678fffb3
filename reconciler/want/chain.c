/* Is a chain possible? Each layer takes what the one below gives, as schema/layer.def says; the first that
 * cannot is an error at its line. What the chain gives at its top must be something that a guest can have as
 * a disk. */
#include "model/node.h"
#include "want/loading.h"
#include <string.h>

enum data { NOTHING, FILE_DATA, DEVICE_DATA, EXPORT_DATA, PLACE_DATA };
enum takes {
	ON_NOTHING = 1 << NOTHING,
	ON_FILE = 1 << FILE_DATA,
	ON_DEVICE = 1 << DEVICE_DATA,
	ON_EXPORT = 1 << EXPORT_DATA,
};

static const char *const data_text[] = {"nothing", "a file", "a block device", "an export", "a folder"};

/* By the index of the layer's field in struct Layer. */
static const struct rule {
	unsigned takes;
	enum data gives;
} rules[Layer_FIELDS] = {
#define FILE FILE_DATA
#define DEVICE DEVICE_DATA
#define EXPORT EXPORT_DATA
#define PLACE PLACE_DATA
#define LAYER(key, takes_, gives_, prose) [Layer_##key] = {.takes = (takes_), .gives = gives_},
#include "schema/layer.def"
#undef LAYER
#undef FILE
#undef DEVICE
#undef EXPORT
#undef PLACE
};

/* Which layer it is: the index of the one field that is there, -1 if none decoded. */
static int layer_index(const struct Layer *layer)
{
	for (int i = 0; i < Layer_FIELDS; i++)
		if (layer->at[i])
			return layer->at[i] == &mark_broken ? -1 : i;
	return -1;
}

/* "a file or an export" */
static void takes_text(unsigned takes, struct buffer *out)
{
	for (enum data data = NOTHING; data <= EXPORT_DATA; data++)
		if (takes & (1U << data))
			buffer_format(out, "%s%s", out->size ? " or " : "", data_text[data]);
}

/* What a remote nbd stands on is the network. */
static bool check_nbd(struct loading *loading, struct loaded *loaded, const struct NbdLayer *nbd,
	enum data below, const struct mark *at)
{
	if (below == NOTHING && !THERE(nbd, NbdLayer, uri))
		return object_error(loading, loaded, at, "add uri: nbd://HOST/EXPORT, or a layer below",
			"nbd: neither a layer below nor a uri");
	if (below != NOTHING && THERE(nbd, NbdLayer, uri))
		return object_error(loading, loaded,
			nbd->at[NbdLayer_uri] == &mark_broken ? at : nbd->at[NbdLayer_uri], NULL,
			"nbd: a uri and a layer below exclude each other");
	return true;
}

void chain_check(struct loading *loading, struct loaded *loaded, const struct list *chain, bool writes)
{
	enum data data = NOTHING;
	const char *below = NULL;
	const struct mark *at = NULL;
	int index = -1;
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct Layer *layer = chain->item[i];
		index = layer_index(layer);
		if (index < 0)
			return;
		at = layer->at[index];
		const char *key = type_Layer.fields[index].key;
		if (!(rules[index].takes & (1U << data))) {
			BUFFER_SCOPED takes = {0};
			takes_text(rules[index].takes, &takes);
			if (rules[index].takes == ON_NOTHING)
				object_error(loading, loaded, at, "layers stand bottom first",
					"%s begins a chain, but %s stands below it", key, below);
			else if (data == NOTHING)
				object_error(loading, loaded, at, "layers stand bottom first",
					"%s stands on %s, but there is nothing below", key,
					buffer_string(&takes));
			else
				object_error(loading, loaded, at, "layers stand bottom first",
					"%s stands on %s, but %s below gives %s", key, buffer_string(&takes),
					below, data_text[data]);
			return;
		}
		if (index == Layer_nbd && !check_nbd(loading, loaded, layer->nbd, data, at))
			return;
		data = rules[index].gives == PLACE_DATA ? NOTHING : rules[index].gives;
		below = key;
	}
	if (!chain->count)
		return;
	if (rules[index].gives == PLACE_DATA || rules[index].gives == EXPORT_DATA)
		object_error(loading, loaded, at,
			rules[index].gives == EXPORT_DATA ? "add a layer of nbd" : "add a layer such as file",
			"the chain ends with %s, which gives %s: no disk", below,
			data_text[rules[index].gives]);
	else if (index == Layer_image && writes)
		object_error(loading, loaded, at, "add - overlay: {}, or access: ro to the disk",
			"an image is never written, and the guest may write to this disk");
}
