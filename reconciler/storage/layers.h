/* The layers, by name: each is the last line of its file. */
#pragma once
#include "storage/layer.h"

extern const struct layer_driver layer_image, layer_overlay, layer_file, layer_block, layer_loop,
	layer_partition, layer_nbd, layer_filesystem, layer_lvm, layer_hlfs;
