/* xensteer.yaml(5). Every kind is a subsection; the fields of a map stand indented below the field that holds
 * it. A map that several fields hold has a subsection of its own, so that it is told once. Only what no row
 * can say (the form of documents, what an effect means) is written here. */
#include "face/command.h"
#include "face/field_words.h"
#include "face/manual.h"
#include "face/roff.h"
#include "face/schema_print.h"
#include <ctype.h>
#include <string.h>

const char manual_example[] = "apiVersion: xensteer/v1\n"
			      "kind: Image\n"
			      "metadata: {name: debian12}\n"
			      "spec: {path: debian12.qcow2, format: qcow2}\n"
			      "---\n"
			      "apiVersion: xensteer/v1\n"
			      "kind: Volume\n"
			      "metadata: {name: pg-data}\n"
			      "spec:\n"
			      "  chain:\n"
			      "    - file: {size: 20GiB, format: raw}\n"
			      "---\n"
			      "apiVersion: xensteer/v1\n"
			      "kind: Domain\n"
			      "metadata:\n"
			      "  name: db-1\n"
			      "  protect: true\n"
			      "spec:\n"
			      "  memory: 2GiB\n"
			      "  maxMemory: 4GiB          # live up to here\n"
			      "  vcpus: 2\n"
			      "  boot:\n"
			      "    kernel: /boot/vmlinuz\n"
			      "    ramdisk: /boot/initrd.img\n"
			      "    cmdline: root=/dev/xvda ro console=hvc0\n"
			      "  disks:\n"
			      "    - vdev: xvda           # a disk of the domain's own\n"
			      "      volume: {chain: [{image: debian12}, {overlay: {size: 10GiB}}]}\n"
			      "    - vdev: xvdb\n"
			      "      volume: pg-data      # a Volume, by name\n"
			      "  nics:\n"
			      "    - bridge: xenbr0       # its MAC follows from the domain's identity\n"
			      "  shutdown: {timeout: 2m}\n"
			      "  disruption: live         # what may be done to it unasked\n";

/* What the page is made of: the types that manifests consist of. */
struct page {
	FILE *out;
	struct arena *arena;
	struct list types;
};

enum { OFTEN = 3 }; /* fields that make it worth while to tell their format in one place */

/* How many fields hold this type, or have this format? */
static unsigned holders(const struct page *page, const struct type *of, const struct format *format)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < page->types.count; i++) {
		const struct type *type = page->types.item[i];

		for (int k = 0; k < type->count; k++) {
			const struct field *field = &type->fields[k];

			count += schema_shows(field) &&
				 ((of && field->of == of) || (format && field->format == format));
		}
	}
	return count;
}

static bool stands_alone(const struct page *page, const struct type *type)
{
	return type && holders(page, type, NULL) > 1;
}

static bool has_entry(const struct page *page, const struct format *format)
{
	return format && holders(page, NULL, format) >= OFTEN;
}

/* Words of a row as a sentence. A first word that is something to be typed stays as it is. */
static void put_sentence(struct buffer *out, const struct field *field, const char *words)
{
	const size_t length = strspn(words, "abcdefghijklmnopqrstuvwxyz'-");
	bool plain = length && (!words[length] || strchr(" ,;", words[length])) &&
		     !text_starts(words, "xl") && !text_starts(words, "pygrub");

	for (size_t i = 0; field && field->choices && field->choices[i]; i++)
		plain &= strlen(field->choices[i]) != length || !text_starts(words, field->choices[i]);
	buffer_char(out, (char)(plain ? toupper((unsigned char)*words) : *words));
	buffer_format(out, "%s.", words + 1);
}

static const char *tag_of(const struct page *page, const struct field *field)
{
	BUFFER_SCOPED out = {0};

	buffer_format(&out, "`%s`: ", field->key);
	if (field->of) {
		const bool many = field->shape == SHAPE_Many;

		buffer_text(&out, many ? "list of " : "");
		if (stands_alone(page, field->of))
			buffer_format(&out, "<%s>", field->of->name);
		else
			buffer_text(&out, many ? "maps" : "map");
	} else if (has_entry(page, field->format)) {
		buffer_format(
			&out, "%s<%s>", field->shape == SHAPE_Texts ? "list of " : "", field->format->name);
	} else {
		field_shape_words(&out, field);
	}
	if (field->required)
		buffer_text(&out, " (required)");
	return arena_text(page->arena, buffer_string(&out));
}

/* What a type says beside its fields. */
static void put_form(struct buffer *out, const struct type *type)
{
	if (type->one_of)
		buffer_text(out, " Exactly one of the keys that stand on their own.");
	if (type->shorthand)
		buffer_format(out, " A scalar alone means its `%s`.", type->shorthand);
	if (type->key)
		buffer_format(out, " Entries are told apart by their `%s`.", type->key);
}

/* The effect is told where it is another than that of the map that holds the field. */
static void put_effect(struct buffer *out, const struct field *field, const struct field *holder)
{
	const char *effect = field_effect_words(field);

	if (field->role == ROLE_KEY && !text_starts(field->prose, "always"))
		buffer_text(out, " Another one is another object.");
	else if (field->role == ROLE_COMPARED && (!holder || strcmp(effect, field_effect_words(holder)) != 0))
		buffer_format(out, " Effect of a change: %s.", effect);
}

static const char *body_of(const struct page *page, const struct field *field, const struct field *holder)
{
	BUFFER_SCOPED out = {0};
	BUFFER_SCOPED bounds = {0};
	BUFFER_SCOPED later = {0};
	BUFFER_SCOPED value = {0};

	put_sentence(&out, field, field->prose);
	field_bounds_words(&bounds, field);
	field_later_words(&later, field);
	field_default_words(&value, field);
	if (bounds.size)
		buffer_format(&out, " %s.", buffer_string(&bounds));
	if (field->format && !has_entry(page, field->format)) {
		buffer_char(&out, ' ');
		put_sentence(&out, NULL, field->format->expected);
	}
	if (field->of && !stands_alone(page, field->of))
		put_form(&out, field->of);
	if (value.size)
		buffer_format(&out, " Default: %s.", buffer_string(&value));
	if (field->with)
		buffer_format(&out, " Only beside `%s`.", field->with);
	if (field->excludes)
		buffer_format(&out, " Never beside `%s`.", field->excludes);
	put_effect(&out, field, holder);
	if (later.size)
		buffer_format(&out, " (%c%s.)", toupper((unsigned char)*later.text), later.text + 1);
	return arena_text(page->arena, buffer_string(&out));
}

static void put_fields(const struct page *page, const struct type *type, const struct field *holder)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];

		if (!schema_shows(field))
			continue;
		roff_entry(page->out, tag_of(page, field));
		roff_text(page->out, body_of(page, field, holder));
		if (!field->of || !field->of->count || stands_alone(page, field->of))
			continue;
		roff_open(page->out);
		put_fields(page, field->of, field);
		roff_close(page->out);
	}
}

static void put_type(const struct page *page, const struct type *type)
{
	BUFFER_SCOPED text = {0};

	buffer_format(&text, "%s.", type->prose);
	put_form(&text, type);
	roff_subsection(page->out, type->name);
	roff_text(page->out, buffer_string(&text));
	put_fields(page, type, NULL);
}

/* Each once, in the order in which the page names them. */
static void put_formats(const struct page *page)
{
	struct list told = {0};

	roff_section(page->out, "FORMS OF TEXTS");
	for (uint32_t i = 0; i < page->types.count; i++) {
		const struct type *type = page->types.item[i];

		for (int k = 0; k < type->count; k++) {
			const struct format *format = type->fields[k].format;
			BUFFER_SCOPED text = {0};
			bool again = false;

			for (uint32_t t = 0; t < told.count; t++)
				again |= told.item[t] == format;
			if (again || !has_entry(page, format))
				continue;
			list_add(page->arena, &told, (void *)format);
			put_sentence(&text, NULL, format->expected);
			roff_entry(page->out, arena_format(page->arena, "<%s>", format->name));
			roff_text(page->out, buffer_string(&text));
		}
	}
}

static void put_description(FILE *out)
{
	roff_section(out, "DESCRIPTION");
	roff_text(out, "A manifest says how something is to be; `xensteer`(1) works out what has to be "
		       "done. Files that "
		       "end in .yaml, .yml or .json are read, in folders below as well; names that "
		       "begin with a dot are "
		       "not. A file may hold several documents, and how objects are spread over files "
		       "means nothing. "
		       "Every document has `apiVersion: xensteer/v1`, `kind`, `metadata` and `spec`.");
	roff_paragraph(out,
		"The YAML is strict: an unknown or repeated key is an error; `true` and `false` are the only "
		"booleans; a text that YAML would read as a number, a date or a boolean must be quoted; "
		"merge "
		"keys and tags are refused. All errors of all files are reported. An object with an error is "
		"left "
		"as it is, and while there is one nothing is removed.");
	roff_paragraph(out, "A <size> is an integer and a unit: `KiB`, `MiB`, `GiB`, `TiB` (or `Ki`, `Mi`, "
			    "`Gi`, `Ti`) are "
			    "powers of 1024, `kB`, `MB`, `GB`, `TB` of 1000. A <duration> is an integer and "
			    "`s`, `m` or `h`. "
			    "Both are compared by value: 1GiB and 1024MiB are no difference.");
	roff_paragraph(out, "What a manifest does not say and what has no default is not compared: what "
			    "others set there is "
			    "left alone.");
}

static void put_effects(FILE *out)
{
	roff_section(out, "EFFECT OF A CHANGE");
	roff_text(out,
		"What a change does to a guest that is there, mildest first: `none`, `live`, `reattach`, "
		"`restart`, `stop`, `recreate`, `destroy`, `data-loss`. What `spec.disruption` or the option "
		"`--allow` does not allow is left as it is and named; it is taken along when the guest is "
		"made "
		"again. A field for which no effect is named has that of the map that holds it, or none. By "
		"what is there means:");
	roff_entry(out, "`memory`, `vcpus`");
	roff_text(out,
		"Live up to what `maxMemory` and `maxVcpus` were at creation, else restart. Memory is never "
		"taken down live below the host's `memoryFloor`.");
	roff_entry(out, "`disks`");
	roff_text(out,
		"Added or removed at xvd*: live, but a qcow2 needs a guest that has a QEMU, else restart. "
		"Another `access`, or another volume behind the same `vdev`: reattach. At hd* and sd*: "
		"restart.");
	roff_entry(out, "`nics`");
	roff_text(out, "Added or removed: live. Another `bridge` or `mac`: reattach.");
	roff_entry(out, "`chain`");
	roff_text(out,
		"A volume that is there keeps its layers: another size, format or chain is blocked, with "
		"the reason. A chain that names another image is no difference: an overlay keeps the base "
		"that it was made on.");
}

void manual_manifests(FILE *out)
{
	ARENA_SCOPED arena = arena_new();
	struct page page = {out, arena, schema_types(arena)};

	roff_page(out, "XENSTEER.YAML", 5, version_date, arena_format(arena, "xensteer %s", version_text));
	roff_section(out, "NAME");
	roff_text(out, "xensteer.yaml - manifests of a Xen host, and the host's own settings");
	put_description(out);
	roff_section(out, "KINDS");
	for (int kind = 0; kind < KINDS; kind++)
		put_type(&page, kind_type((enum kind)kind));
	roff_section(out, "MAPS THAT SEVERAL FIELDS HOLD");
	for (uint32_t i = 0; i < page.types.count; i++) {
		if (stands_alone(&page, page.types.item[i]))
			put_type(&page, page.types.item[i]);
	}
	put_formats(&page);
	put_effects(out);
	roff_section(out, "EXAMPLES");
	roff_text(out, "An image, a disk that outlives its guest, and a guest with room to grow:");
	roff_example(out, manual_example);
	roff_section(out, "SEE ALSO");
	roff_text(
		out, "`xensteer`(1), `xl.cfg`(5), `xl-disk-configuration`(5), `xl-network-configuration`(5)");
}
