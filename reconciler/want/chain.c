/* Is a chain possible? Each layer takes what the one below gives, as schema/layer.def says; the first that
 * cannot is an error at its line. What the chain gives at its top must be something that a guest can have as
 * a disk. */
#include "model/chain.h"
#include "model/node.h"
#include "want/loading.h"
#include <string.h>

/* "a file or an export" */
static void takes_text(unsigned takes, struct buffer *out)
{
	for (enum data data = NOTHING_DATA; data <= EXPORT_DATA; data++)
		if (takes & (1U << data))
			buffer_format(out, "%s%s", out->size ? " or " : "", data_text[data]);
}

/* What a remote nbd stands on is the network. QEMU would open far more than exports by a uri. */
static bool check_nbd(struct loading *loading, struct loaded *loaded, const struct NbdLayer *nbd,
	enum data below, const struct mark *at)
{
	if (SET(nbd, NbdLayer, uri) && !text_starts(nbd->uri, "nbd://") &&
		!(text_starts(nbd->uri, "nbd+unix:///") && strstr(nbd->uri, "?socket=/") &&
			!strchr(nbd->uri, '%')))
		return object_error(loading, loaded, nbd->at[NbdLayer_uri],
			"nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH",
			"nbd: expected a uri of an export, found '%s'", nbd->uri);
	if (below == NOTHING_DATA && !THERE(nbd, NbdLayer, uri))
		return object_error(loading, loaded, at, "add uri: nbd://HOST/EXPORT, or a layer below",
			"nbd: neither a layer below nor a uri");
	if (below != NOTHING_DATA && THERE(nbd, NbdLayer, uri))
		return object_error(loading, loaded,
			nbd->at[NbdLayer_uri] == &mark_broken ? at : nbd->at[NbdLayer_uri], NULL,
			"nbd: a uri and a layer below exclude each other");
	return true;
}

/* What passes up a chain beside its data. */
struct carried {
	bool image; /* what is written here would be written to an image */
	bool qcow2; /* the file is known to be one */
};

static struct carried carry(const struct layer_row *row, const struct Layer *layer, struct carried below)
{
	if (row->gives == DEVICE_DATA)
		return (struct carried){.image = below.image && row->binds && !row->makes};
	return (struct carried){
		.image = row == &layer_table[Layer_image],
		.qcow2 = row == &layer_table[Layer_overlay] ||
			 (row == &layer_table[Layer_file] && layer->file->format == disk_format_qcow2),
	};
}

/* Combinations that no row of the table forbids, and that make no sense all the same. */
static bool check_layer(struct loading *loading, struct loaded *loaded, const struct Layer *layer,
	const struct mark *at, const char *below, struct carried carried)
{
	enum { SECTOR = 512 };
	const struct layer_row *row = layer_row_of(layer);
	if (row == &layer_table[Layer_loop] && SET(layer->loop, LoopLayer, offset) &&
		layer->loop->offset % SECTOR)
		return object_error(loading, loaded, layer->loop->at[LoopLayer_offset],
			"partitions begin at sectors, as sfdisk -d tells",
			"loop: expected an offset in whole sectors of 512 bytes");
	if (row == &layer_table[Layer_loop] && carried.qcow2)
		return object_error(loading, loaded, at, "a layer of nbd in its place shows the disk in it",
			"loop shows the bytes of the file, and %s below is qcow2", below);
	if (row->gives == PLACE_DATA && carried.image)
		return object_error(loading, loaded, at,
			"add - overlay: {} over the image, and - nbd: {} on it",
			"%s is written to, and an image is never written", row->key);
	return true;
}

void chain_check(struct loading *loading, struct loaded *loaded, const struct list *chain, bool writes)
{
	enum data data = NOTHING_DATA;
	const char *below = NULL;
	const struct mark *at = NULL;
	const struct layer_row *row = NULL;
	struct carried carried = {0};
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct Layer *layer = chain->item[i];
		row = layer_row_of(layer);
		if (!row)
			return;
		at = layer->at[row - layer_table];
		if (!(row->takes & (1U << data))) {
			BUFFER_SCOPED takes = {0};
			takes_text(row->takes, &takes);
			if (row->takes == 1U << NOTHING_DATA)
				object_error(loading, loaded, at, "layers stand bottom first",
					"%s begins a chain, but %s stands below it", row->key, below);
			else if (data == NOTHING_DATA)
				object_error(loading, loaded, at, "layers stand bottom first",
					"%s stands on %s, but there is nothing below", row->key,
					buffer_string(&takes));
			else
				object_error(loading, loaded, at, "layers stand bottom first",
					"%s stands on %s, but %s below gives %s", row->key,
					buffer_string(&takes), below, data_text[data]);
			return;
		}
		if (row == &layer_table[Layer_nbd] && !check_nbd(loading, loaded, layer->nbd, data, at))
			return;
		if (!check_layer(loading, loaded, layer, at, below, carried))
			return;
		carried = carry(row, layer, carried);
		data = row->gives == PLACE_DATA ? NOTHING_DATA : row->gives;
		below = row->key;
	}
	if (!chain->count)
		return;
	if (row->gives == PLACE_DATA || row->gives == EXPORT_DATA)
		object_error(loading, loaded, at,
			row->gives == EXPORT_DATA ? "add a layer of nbd" : "add a layer such as file",
			"the chain ends with %s, which gives %s: no disk", below, data_text[row->gives]);
	else if (carried.image && writes)
		object_error(loading, loaded, at, "add - overlay: {}, or access: ro to the disk",
			"an image is never written, and the guest may write to this disk");
}
