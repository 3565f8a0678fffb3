/* The table of layers, schema/layer.def: what a layer stands on and gives, what it makes and binds. */
#pragma once
#include "model/schema.h"

/* What a chain carries. */
enum data { NOTHING_DATA, FILE_DATA, DEVICE_DATA, EXPORT_DATA, PLACE_DATA };
extern const char *const data_text[]; /* "a block device" */

/* How a layer grows. */
enum growth {
	GROWS_NOT,
	GROWS_TO_SIZE,     /* that the manifest says */
	GROWS_WITH_BELOW,  /* to the size of what it stands on, while it is open */
	GROWS_WHEN_OPENED, /* likewise, but only when it is opened anew */
};

struct layer_row {
	const char *key;
	unsigned takes; /* 1 << enum data, or'ed */
	enum data gives;
	bool makes; /* something that stays and is ours */
	bool binds; /* there only while it is open */
	enum growth grows;
};
/* By the index of the layer's field in struct Layer. */
extern const struct layer_row layer_table[Layer_FIELDS];

/* The row of a key; NULL: there is no such layer (a label of a newer xensteer may name one). */
const struct layer_row *layer_row_find(const char *key);
/* What a layer is taken from, as LayerFound.source has it; NULL: it is taken from nothing but what is below.
 */
const char *layer_source(struct arena *, const struct Layer *);
/* The size that a manifest says of a layer, and its field; NULL: it says none. */
const int64_t *layer_size(const struct Layer *, const struct field **, const struct mark **at);
/* The row of the one member of a Layer that is set; NULL if none is, or it did not decode. */
const struct layer_row *layer_row_of(const struct Layer *);
