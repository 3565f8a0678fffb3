/* The layers that are built, and what all of them share: their look-up, how one fails, and the link that a
 * found one gives to the next. */
#include "storage/layer.h"
#include "storage/layers.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct layer_driver *const layers[] = {&layer_image, &layer_overlay, &layer_file, &layer_block,
	&layer_loop, &layer_partition, &layer_nbd, &layer_filesystem, &layer_lvm, &layer_hlfs};

const struct layer_driver *layer_find(const char *key)
{
	for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++)
		if (text_equal(layers[i]->key, key))
			return layers[i];
	return NULL;
}

bool layer_fail(struct layer_job *job, bool terminal, const char *hint, const char *format, ...)
{
	va_list arguments;
	char *text;
	va_start(arguments, format);
	int size = vasprintf(&text, format, arguments);
	va_end(arguments);
	job->error = size < 0 ? "no memory for the words of an error" : arena_text(job->arena, text);
	if (size >= 0)
		free(text);
	job->hint = hint;
	job->terminal = terminal;
	return false;
}

bool layer_argv(struct layer_job *job, const char *const *argv)
{
	size_t count = 0;
	while (argv[count])
		count++;
	const char **copy = arena_array(job->arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		copy[i] = argv[i];
	job->argv = copy;
	job->environment = NULL;
	return true;
}

bool layer_step_now(struct layer_job *job, const struct layer_step *step)
{
	return step->begin(job) && (!step->end || step->end(job));
}

struct link layer_link(struct layer_job *job)
{
	const struct LayerFound *found = job->found;
	const struct layer_driver *driver = layer_find(found->layer);
	struct link link = {
		.place = job->below.place,
		.path = found->path,
		.id = found->id,
		.format = (enum disk_format)found->format,
		.block = found->id && text_starts(found->id, "b:"),
		.size = found->size,
	};
	if (driver && driver->give)
		driver->give(job, &link);
	return link;
}
