/* Special places: what several rows say together (a limit above what it limits, a boot that fits the type,
 * names that must differ, chains that can be made), and what is left out or drawn seldom because it would
 * block all the rest. */
#include "model/quantity.h"
#include "tests/property/place.h"
#include <inttypes.h>
#include <string.h>

static void api_version(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place, (void)scope;
	json_text(json, field->key, "xensteer/v1");
}

static void kind(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place;
	json_text(json, field->key, scope->kind);
}

static void name(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	(void)place;
	name_of(scope->recipe, scope->kind, scope->index, false, text);
	json_text(json, field->key, text);
}

static void renamed_from(
	struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	(void)place;
	name_of(scope->recipe, scope->kind, scope->index, true, text);
	if (is_renamed(scope->recipe, scope->kind, scope->index))
		json_text(json, field->key, text);
}

/* An identity of its own: two objects of one number would be refused. */
static void uid(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[96];
	bool given = strcmp(scope->kind, "Image") != 0 && is_chance(scope->object, "uid", 10);
	if (given)
		json_text(json, field->key, text_of(place, field, text));
}

static void protect(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)scope;
	if (is_chance(place, "protect", 12))
		json_bool(json, field->key, true);
}

static void elsewhere(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	if (strcmp(scope->kind, "Domain") == 0 && is_chance(place, "elsewhere", 12))
		json_text(json, field->key, is_chance(place, "here", 2) ? "sim" : "other");
}

static void domain_name(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	if (!is_chance(place, "named", 6))
		return;
	snprintf(text, sizeof(text), "Xen_%c%u", scope->recipe->prefix, scope->index);
	json_text(json, field->key, is_chance(place, "taken", 8) ? "hand-0" : text);
}

static void limits(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	struct place of = place_below(scope->object, field->key);
	bool limit = field->key[0] == 'm' && field->key[1] == 'a';
	bool is_memory = strstr(field->key, "emory") != NULL;
	int64_t most = is_memory ? (1 + (int64_t)draw(scope->object, "most", 8)) * 128 * MiB
				 : 1 + (int64_t)draw(scope->object, "mostVcpus", 6);
	(void)place;
	if (limit ? !is_chance(of, "limit", 2) : !field->required && is_chance(of, "default", 3))
		return;
	int64_t value = limit ? most : 1 + (int64_t)(of.number % (uint64_t)most);
	if (is_memory && !limit)
		value = value < field->min ? field->min : value / MiB * MiB;
	if (is_memory)
		size_write(json, field->key, value < 4 * MiB ? 4 * MiB : value);
	else
		json_int(json, field->key, value);
}

enum domain_type type_of(const struct scope *scope)
{
	return (enum domain_type)draw(scope->object, "type", domain_type_CHOICES);
}

static void type_written(
	struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place;
	if (scope->type != domain_type_pv || is_chance(scope->object, "said", 2))
		json_text(json, field->key, field->choices[scope->type]);
}

static void boot(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	bool hvm = scope->type == domain_type_hvm;
	char text[96];
	if (hvm && is_chance(place, "none", 2))
		return;
	json_open_object(json, field->key);
	if (!hvm && scope->has_disks && is_chance(place, "bootloader", 3)) {
		json_text(json, "bootloader", "pygrub");
	} else {
		json_text(json, "kernel",
			text_of(place_below(place, "kernel"), &type_Boot.fields[Boot_kernel], text));
		if (is_chance(place, "ramdisk", 2))
			json_text(json, "ramdisk",
				text_of(place_below(place, "initrd"), &type_Boot.fields[Boot_ramdisk], text));
	}
	if (is_chance(place, "cmdline", 2))
		json_text(json, "cmdline",
			text_of(place_below(place, "line"), &type_Boot.fields[Boot_cmdline], text));
	json_close(json, '}');
}

/* A chain that is another one than that of the volume that is there blocks all that uses it: seldom. */
static struct place chain_place(struct place place)
{
	static const struct recipe unvaried = {.rate = 0};
	struct place fixed = {&unvaried, random_of(place.recipe->seed ^ place.key), place.key};
	return is_chance(place, "remade", 8) ? place : fixed;
}

/* Chains that can be made: an image alone is only read. */
static bool chain_is_read_only(struct place place)
{
	return draw(chain_place(place), "chain", 8) == 0;
}

/* What ends in an overlay is a qcow2, which no guest gets read-only: that is wanted seldom. */
static bool chain_may_be_read_only(struct place place)
{
	const unsigned drawn = draw(chain_place(place), "chain", 8);
	return drawn == 0 || drawn > 5 || is_chance(chain_place(place), "qcow2 read-only", 20);
}

/* Sizes change where the rest of a chain stays: mostly up. In steps of what is drawn. */
static int64_t grown(struct place place, const struct scope *scope)
{
	const struct recipe *recipe = scope->recipe;
	const struct recipe unvaried = {.seed = recipe->seed};
	struct place here = {recipe, random_of(recipe->seed ^ place.key), place.key};
	struct place before = {&unvaried, here.number, place.key};
	if (place_below(here, "grown").number == place_below(before, "grown").number)
		return 1;
	return is_chance(here, "shrinks", 12) ? 0 : 2 + (int64_t)draw(here, "steps", 3);
}

static void layer_size_write(
	struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	if (field->required || is_chance(place, "there", 3))
		size_write(json, field->key, size_of(place, field) + grown(place, scope) * MiB);
}

static void layer_write(struct json *json, const char *layer, struct place place, struct scope *scope)
{
	const struct field *field = type_field(&type_Layer, layer);
	json_open_object(json, NULL);
	object_write(json, layer, field->of, place_below(place, layer), scope);
	json_close(json, '}');
}

/* `alone`: without an overlay it is given read-only, so it is mostly the first, which is raw. */
static void image_write(struct json *json, struct place place, bool alone)
{
	char text[32];
	const bool raw = alone && !is_chance(place, "qcow2 read-only", 20);
	name_of(place.recipe, "Image", raw ? 0 : draw(place, "image", GENERATED_IMAGES), false, text);
	json_open_object(json, NULL);
	json_text(json, "image", text);
	json_close(json, '}');
}

/* A layer without fields, or with its one. */
static void layer_plain(struct json *json, const char *layer, int64_t number)
{
	json_open_object(json, NULL);
	if (number)
		json_int(json, layer, number);
	else {
		json_open_object(json, layer);
		json_close(json, '}');
	}
	json_close(json, '}');
}

static void lvm_write(struct json *json, struct place place, const struct scope *scope)
{
	json_open_object(json, NULL);
	json_open_object(json, "lvm");
	json_text(json, "group", is_chance(place, "group", 2) ? "vg0" : "vg1");
	size_write(json, "size", (2 + grown(place_below(place, "lvm"), scope)) * GiB);
	json_close(json, '}');
	json_close(json, '}');
}

/* A device on a raw file or a logical volume, as chains on which something may stand. */
static void device_write(struct json *json, struct place place, const struct scope *scope)
{
	const unsigned drawn = draw(place, "device", 6);
	if (drawn == 0) {
		lvm_write(json, place, scope);
		return;
	}
	json_open_object(json, NULL);
	json_open_object(json, "file");
	size_write(json, "size", (3 + grown(place_below(place, "file"), scope)) * GiB);
	json_close(json, '}');
	json_close(json, '}');
	layer_plain(json, drawn % 2 ? "nbd" : "loop", 0);
	if (drawn == 5)
		layer_plain(json, "partition", 2);
}

/* What a volume stands on may itself be a filesystem on a device; its topmost layer may be shown as a device.
 */
static void chain_write(struct json *json, const char *key, struct place place, struct scope *scope)
{
	place = chain_place(place);
	const unsigned drawn = draw(place, "chain", 8);
	const bool deep = drawn > 0 && is_chance(place, "deep", 3);
	json_open_array(json, key);
	if (deep && drawn < 7) {
		device_write(json, place, scope);
		layer_plain(json, "filesystem", 0);
	}
	if (drawn <= 4)
		image_write(json, place, drawn == 0);
	else if (deep && drawn == 7)
		device_write(json, place, scope);
	else
		layer_write(json, "file", place, scope);
	if (drawn >= 1 && drawn <= 5)
		layer_write(json, "overlay", place, scope);
	json_close(json, ']');
}

static void chain(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	chain_write(json, field->key, place, scope);
}

/* A declared volume is written by one domain, or read by all. */
static bool volume_use(const struct recipe *recipe, unsigned volume, unsigned domain, bool *writes)
{
	struct place place = place_of(recipe, "Volume", volume);
	struct place spec = place_below(place_below(place, "spec"), "chain");
	bool read_only =
		chain_is_read_only(spec) || (chain_may_be_read_only(spec) && is_chance(place, "shared", 2));
	*writes = !read_only;
	if (!is_there(recipe, "Volume", volume))
		return false;
	return read_only ? is_chance(place_at(place, "reader", domain), "reads", 2)
			 : draw(place, "writer", GENERATED_DOMAINS + 1) == domain;
}

static const char *vdev_of(const struct scope *scope, unsigned slot, char out[16])
{
	bool emulated = scope->type == domain_type_hvm && slot % 3 == 2;
	snprintf(out, 16, "%s%c", emulated ? "hd" : "xvd", 'a' + slot);
	return out;
}

static void disks(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[32];
	unsigned slot = 0;
	json_open_array(json, field->key);
	for (unsigned i = 0; i < 3; i++, slot++) {
		struct place disk = place_at(place, "disk", i);
		struct place chain_place = place_below(place_below(disk, "volume"), "chain");
		if (i ? !is_chance(disk, "there", 3) : !scope->has_disks)
			continue;
		json_open_object(json, NULL);
		json_text(json, "vdev", vdev_of(scope, slot, text));
		json_open_object(json, "volume");
		chain_write(json, "chain", chain_place, scope);
		if (is_chance(disk, "reclaim", 2))
			json_text(json, "reclaim", is_chance(disk, "keeps", 3) ? "Retain" : "Delete");
		json_close(json, '}');
		if (chain_is_read_only(chain_place) || is_chance(disk, "access", 4))
			json_text(json, "access",
				chain_is_read_only(chain_place) || (chain_may_be_read_only(chain_place) &&
									   is_chance(disk, "ro", 2))
					? "ro"
					: "rw");
		json_close(json, '}');
	}
	for (unsigned i = 0; i < GENERATED_VOLUMES; i++, slot++) {
		bool writes;
		if (!volume_use(scope->recipe, i, scope->index, &writes))
			continue;
		json_open_object(json, NULL);
		json_text(json, "vdev", vdev_of(scope, slot, text));
		name_of(scope->recipe, "Volume", i, false, text);
		json_text(json, "volume", text);
		json_text(json, "access", writes ? "rw" : "ro");
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* Each nic by its name; their order is drawn too, because it must not matter. */
static void nics(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	unsigned turn = draw(place, "turn", 3);
	json_open_array(json, field->key);
	for (unsigned i = 0; i < 3; i++) {
		unsigned number = (i + turn) % 3;
		struct place nic = place_at(place, "nic", number);
		if (!is_chance(nic, "there", 2))
			continue;
		char text[16];
		snprintf(text, sizeof(text), "eth%u", number);
		json_open_object(json, NULL);
		json_text(json, "name", text);
		for (int k = 0; k < type_Nic.count; k++) {
			const struct field *row = &type_Nic.fields[k];
			if (row->role == ROLE_OBSERVED || k == Nic_name || !is_chance(nic, row->key, 3))
				continue;
			value_write(json, row->key, row, place_below(nic, row->key), scope);
		}
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* May the guest write its first disk? Its volume remembers what a config drive told it. */
static bool writes_first_disk(const struct scope *scope)
{
	struct place list = place_below(place_below(scope->object, "spec"), "disks");
	struct place disk = place_at(list, "disk", 0);
	struct place chain = place_below(place_below(disk, "volume"), "chain");
	return scope->has_disks && !chain_is_read_only(chain) &&
	       !(is_chance(disk, "access", 4) && chain_may_be_read_only(chain) && is_chance(disk, "ro", 2));
}

/* Of either format, without files: only its name can change what is on it. */
static void config(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	static const enum Config_field words[] = {Config_onChange, Config_detach, Config_onFailure};
	if (!writes_first_disk(scope) || !is_chance(place, "there", 2))
		return;
	json_open_object(json, field->key);
	json_text(json, "format", is_chance(place, "scene", 2) ? "scene" : "nocloud");
	json_text(json, "vdev", "xvdx");
	if (is_chance(place, "hostname", 2))
		json_text(json, "hostname", is_chance(place, "other", 2) ? "one" : "other");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		const struct field *row = &type_Config.fields[words[i]];
		if (is_chance(place, row->key, 2))
			value_write(json, row->key, row, place_below(place, row->key), scope);
	}
	if (is_chance(place, "acknowledge", 2)) {
		json_open_object(json, "acknowledge");
		json_text(json, "timeout", "30s");
		json_close(json, '}');
	}
	json_close(json, '}');
}

static void port(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	json_int(json, field->key,
		field->min + (int64_t)scope->index + (is_chance(place, "other", 4) ? 50 : 0));
}

static void left_out(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)json, (void)field, (void)place, (void)scope;
}

/* A file that becomes another one blocks what stands on it: seldom. */
static void image_path(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[48];
	snprintf(text, sizeof(text), "image-%u%s", scope->index, is_chance(place, "other", 30) ? "-b" : "");
	json_text(json, field->key, text);
}

static void image_format(
	struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	(void)place;
	json_text(json, field->key, field->choices[scope->index % 2]);
}

static void digest(struct json *json, const struct field *field, struct place place, struct scope *scope)
{
	char text[96];
	struct place fixed = {scope->recipe, random_of(scope->recipe->seed + scope->index), 0};
	if (is_chance(fixed, "digest", 2))
		json_text(json, field->key,
			text_of(is_chance(place, "other", 20) ? place : fixed, field, text));
}

static const struct special specials[] = {
	{"", "apiVersion", api_version},
	{"", "kind", kind},
	{"Metadata", "name", name},
	{"Metadata", "renamedFrom", renamed_from},
	{"Metadata", "uid", uid},
	{"Metadata", "protect", protect},
	{"Metadata", "host", elsewhere},
	{"DomainSpec", "domainName", domain_name},
	{"DomainSpec", "type", type_written},
	{"DomainSpec", "memory", limits},
	{"DomainSpec", "maxMemory", limits},
	{"DomainSpec", "vcpus", limits},
	{"DomainSpec", "maxVcpus", limits},
	{"DomainSpec", "boot", boot},
	{"DomainSpec", "disks", disks},
	{"DomainSpec", "nics", nics},
	{"DomainSpec", "config", config},
	{"DomainSpec", "events", left_out}, /* they need supervision: xl */
	{"VolumeSpec", "chain", chain},
	{"FileLayer", "size", layer_size_write},
	{"OverlayLayer", "size", layer_size_write},
	{"Vnc", "port", port},
	{"ImageSpec", "path", image_path},
	{"ImageSpec", "format", image_format},
	{"ImageSpec", "sha256", digest},
};

const struct special *special_of(const struct type *type, const struct field *field)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++)
		if (strcmp(specials[i].key, field->key) == 0 &&
			(!*specials[i].type || strcmp(specials[i].type, type->name) == 0))
			return &specials[i];
	return NULL;
}
