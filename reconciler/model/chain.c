/* Data only: the rows of schema/layer.def, and their look-ups. */
#include "model/chain.h"
#include "base/text.h"
#include "model/node.h"

const char *const data_text[] = {"nothing", "a file", "a block device", "an export", "a folder"};

enum {
	ON_NOTHING = 1 << NOTHING_DATA,
	ON_FILE = 1 << FILE_DATA,
	ON_DEVICE = 1 << DEVICE_DATA,
	ON_EXPORT = 1 << EXPORT_DATA,
};
enum { NEITHER = 0, MAKES = 1, BINDS = 2 };

const struct layer_row layer_table[Layer_FIELDS] = {
#define FILE FILE_DATA
#define DEVICE DEVICE_DATA
#define EXPORT EXPORT_DATA
#define PLACE PLACE_DATA
#define LAYER(key_, takes_, gives_, traits, grows_, prose)                                                   \
	[Layer_##key_] = {.key = #key_,                                                                      \
		.takes = (takes_),                                                                           \
		.gives = gives_,                                                                             \
		.makes = ((traits)&MAKES) != 0,                                                              \
		.binds = ((traits)&BINDS) != 0,                                                              \
		.grows = GROWS_##grows_},
#include "schema/layer.def"
#undef LAYER
#undef FILE
#undef DEVICE
#undef EXPORT
#undef PLACE
};

const struct layer_row *layer_row_find(const char *key)
{
	for (int i = 0; i < Layer_FIELDS; i++)
		if (text_equal(layer_table[i].key, key))
			return &layer_table[i];
	return NULL;
}

const struct layer_row *layer_row_of(const struct Layer *layer)
{
	for (int i = 0; i < Layer_FIELDS; i++)
		if (layer->at[i])
			return layer->at[i] == &mark_broken ? NULL : &layer_table[i];
	return NULL;
}

const char *layer_source(struct arena *arena, const struct Layer *layer)
{
	if (layer->at[Layer_lvm])
		return layer->lvm->thinPool
			       ? arena_format(arena, "%s/%s", layer->lvm->group, layer->lvm->thinPool)
			       : layer->lvm->group;
	if (layer->at[Layer_nbd])
		return layer->nbd->uri;
	if (layer->at[Layer_loop])
		return layer->loop->offset
			       ? arena_format(arena, "offset %lld", (long long)layer->loop->offset)
			       : NULL;
	if (layer->at[Layer_partition])
		return arena_format(arena, "partition %lld", (long long)layer->partition->number);
	if (layer->at[Layer_filesystem])
		return choice_filesystem[layer->filesystem->type];
	if (layer->at[Layer_hlfs])
		return layer->hlfs->uri;
	return NULL;
}

const int64_t *layer_size(const struct Layer *layer, const struct field **field, const struct mark **at)
{
	static const struct {
		int layer, size;
		const struct type *type;
	} sized[] = {
		{Layer_overlay, OverlayLayer_size, &type_OverlayLayer},
		{Layer_file, FileLayer_size, &type_FileLayer},
		{Layer_lvm, LvmLayer_size, &type_LvmLayer},
		{Layer_hlfs, HlfsLayer_size, &type_HlfsLayer},
	};
	for (size_t i = 0; i < sizeof(sized) / sizeof(*sized); i++) {
		if (!layer->at[sized[i].layer])
			continue;
		void *body = *(void *const *)field_value(&type_Layer.fields[sized[i].layer], layer);
		*field = &sized[i].type->fields[sized[i].size];
		*at = *field_mark(sized[i].type, sized[i].size, body);
		return *at ? field_value(*field, body) : NULL;
	}
	return NULL;
}
