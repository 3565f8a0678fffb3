/* render: the xl.cfg that a domain would be created from, secrets redacted. Volumes that are not there yet
 * are named by the path that they would get, so that the text is the one that apply would write. */
#include "face/session.h"
#include "host/xen/cfg.h"
#include "model/drive.h"
#include "storage/layer.h"
#include <stdlib.h>
#include <string.h>

/* The link that the topmost layer of a volume will give once it is made (layout: storage/storage.h). */
static bool future_link(const struct session *session, const struct wanted_volume *volume, struct link *link)
{
	const uint32_t top = volume->chain.count - 1;
	const struct Layer *layer = volume->chain.item[top];
	const char *key = layer_key(layer);
	const struct layer_row *row = layer_row_of(layer);
	const struct wanted_image *image;
	const char *place = "";

	if (layer->at[Layer_image]) {
		image = want_image(session->want, layer->image->name);
		if (!image)
			return false;
		*link = (struct link){.path = image->path, .format = image->format};
		return true;
	}
	if (layer->at[Layer_block]) {
		*link = (struct link){.path = layer->block->path, .block = true};
		return true;
	}
	if (row->gives == DEVICE_DATA) {
		/* which one it is is chosen when it is opened */
		*link = (struct link){
			.block = true, .path = arena_format(session->arena, "/not-yet-open/%s", volume->uid)};
		return true;
	}
	for (uint32_t i = 0; i < top; i++)
		if (((const struct Layer *)volume->chain.item[i])->at[Layer_filesystem])
			place = arena_format(session->arena, "%u-filesystem/", i);
	*link = (struct link){.format = layer->at[Layer_overlay] ? disk_format_qcow2 : layer->file->format};
	link->path = arena_format(session->arena, "%s/volumes/%s/%s%u-%s.%s", session->state_dir, volume->uid,
		place, top, key, choice_disk_format[link->format]);
	return true;
}

/* A drive whose content has no name yet, because no key was made, is called by its domain alone. */
static void find_drive(const struct session *session, const struct wanted_domain *domain, struct links *links)
{
	const struct wanted_config *config = domain->config;
	const char *content = have_wanted_content(session->have, domain->uid);
	const struct HaveDrive *drive = have_drive(session->have, domain->uid, content);
	const char *name = drive_name(session->arena, domain->uid, content ? content : "new");

	/* a scene drive is attached once the guest runs */
	if (!config || config->spec->format != config_format_nocloud)
		return;
	links_set(links, config->volume.uid,
		&(struct link){.path = drive ? drive->path
					     : arena_format(session->arena, "%s/config/%s",
						       session->state_dir, name),
			.format = disk_format_raw});
}

static bool find_links(const struct session *session, const struct wanted_domain *domain, struct links *links)
{
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_volume *volume =
			((const struct wanted_disk *)domain->disks.item[i])->volume;
		const struct HaveVolume *found = volume ? have_volume(session->have, volume->uid) : NULL;
		struct link link = {0};

		if (!volume)
			return false;
		if (!(found && have_volume_link(found, &link)) && !future_link(session, volume, &link))
			return report_error(session->report, volume->at, domain->object->text, NULL,
				"the chain of volume %s names an image that is not there", volume->name);
		links_set(links, volume->uid, &link);
	}
	find_drive(session, domain, links);
	return true;
}

static enum exit_code render(const struct session *session, const char *name)
{
	const struct object *object = want_object(session->want, KIND_DOMAIN, name);
	const struct wanted_domain *domain = want_domain(session->want, name);
	struct links links = {.arena = session->arena};
	BUFFER_SCOPED text = {0};
	char *error = NULL;

	if (!object)
		return session_no_object(session, arena_format(session->arena, "Domain/%s", name));
	if (!domain) {
		if (object->elsewhere)
			report_error(
				session->report, object->at, object->text, NULL, "it is for another host");
		return EXIT_ERROR;
	}
	if (object->refused) {
		report_error(session->report, object->refused_at, object->text, NULL, "%s", object->refused);
		return EXIT_ERROR;
	}
	if (!find_links(session, domain, &links))
		return EXIT_ERROR;
	if (!cfg_render(&text, domain, &links, &error)) {
		report_error(session->report, object->at, object->text, NULL, "%s",
			error ? error : "it cannot be rendered");
		free(error);
		return EXIT_ERROR;
	}
	fputs(buffer_string(&text), stdout);
	return EXIT_DONE;
}

enum exit_code command_render(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	struct options *options = &invocation->options;
	const char *name = options->operands[0];
	enum exit_code code = session_open(&session, false);

	if (code != EXIT_DONE)
		return code;
	if (text_starts(name, "Domain/"))
		name += strlen("Domain/");
	session_load(&session, options->operands + 1, options->operand_count - 1);
	if (!session_observe(&session))
		return EXIT_ERROR;
	return render(&session, name);
}
