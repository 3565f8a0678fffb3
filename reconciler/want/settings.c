/* The host's own settings: one document of kind Host, from a file that only root may write, because a guard
 * must not lie where those whom it guards against can reach it. What the file does not say has its default
 * afterwards. */
#include "base/file.h"
#include "model/node.h"
#include "want/loading.h"
#include "want/yaml.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char default_path[] = "/etc/xensteer/xensteer.yaml";

static struct texts texts_of(struct arena *arena, const char *text)
{
	struct texts texts = {.item = arena_array(arena, const char *, 1), .count = 1};
	texts.item[0] = text;
	return texts;
}

/* Defaults that no row can hold, because they depend on others or are lists. */
static void settings_complete(struct arena *arena, struct HostSpec *host)
{
	if (!host->stateDir) {
		host->stateDir = arena_format(arena, "/var/lib/xensteer/%s", host->owner);
		host->at[HostSpec_stateDir] = &mark_derived;
	}
	if (!host->deletions)
		host->deletions = type_new(arena, &type_Deletions);
	if (!host->policy)
		host->policy = type_new(arena, &type_Policy);
	if (!host->policy->at[Policy_kernels])
		host->policy->kernels = texts_of(arena, "/boot");
	if (!host->policy->at[Policy_bootloaders])
		host->policy->bootloaders = texts_of(arena, "pygrub");
}

/* Root's, or the caller's own where the caller is not root and so guards nothing. */
static bool owner_judge(struct report *report, const struct mark *mark, const char *path)
{
	struct stat stat_;
	if (stat(path, &stat_) != 0)
		return report_error(report, mark, NULL, NULL, "cannot be read: %m");
	if (stat_.st_uid != 0 && stat_.st_uid != geteuid())
		return report_error(
			report, mark, NULL, "chown root", "the host's settings must belong to root");
	if (stat_.st_mode & (S_IWGRP | S_IWOTH))
		return report_error(report, mark, NULL, "chmod go-w",
			"others than its owner may write the host's settings");
	return true;
}

static bool absolute_judge(struct report *report, const struct mark *at, const char *what, const char *path)
{
	return !path || path[0] == '/' ||
	       report_error(
		       report, at, "Host", NULL, "%s: expected an absolute path, found '%s'", what, path);
}

static bool absolute_all(
	struct report *report, const struct mark *at, const char *what, const struct texts *paths)
{
	bool good = true;
	for (uint32_t i = 0; i < paths->count; i++)
		good &= absolute_judge(report, at, what, paths->item[i]);
	return good;
}

static void paths_judge(struct report *report, const struct HostSpec *host)
{
	absolute_judge(report, host->at[HostSpec_stateDir], "spec.stateDir", host->stateDir);
	absolute_judge(report, host->at[HostSpec_imageDir], "spec.imageDir", host->imageDir);
	absolute_judge(report, host->at[HostSpec_runDir], "spec.runDir", host->runDir);
	const struct Policy *policy = host->policy;
	if (!policy)
		return;
	absolute_all(report, policy->at[Policy_files], "spec.policy.files", &policy->files);
	absolute_all(report, policy->at[Policy_kernels], "spec.policy.kernels", &policy->kernels);
	absolute_all(
		report, policy->at[Policy_blockDevices], "spec.policy.blockDevices", &policy->blockDevices);
}

/* The one document of the file; NULL with a diagnostic where there is none, or more. */
static const struct node *document_read(
	struct arena *scratch, struct yaml *yaml, const struct mark *mark, struct report *report)
{
	const struct node *found = NULL;
	for (const struct node *root; (root = yaml_next(yaml, scratch));) {
		if (root->kind == NODE_NULL)
			continue;
		if (found) {
			report_error(report, &root->mark, NULL, NULL, "the host's settings are one document");
			return NULL;
		}
		found = root;
	}
	if (!found && !yaml_broken(yaml))
		report_error(report, mark, NULL, "remove the file to have the defaults", "no settings in it");
	return yaml_broken(yaml) ? NULL : found;
}

static bool is_text(const char *text, const char *expected)
{
	return text && strcmp(text, expected) == 0;
}

static struct HostSpec *settings_decode(
	struct arena *arena, const struct text_file *file, const struct mark *mark, struct report *report)
{
	ARENA_SCOPED scratch = arena_new();
	YAML_SCOPED yaml = yaml_open(file, report);
	const struct node *root = document_read(scratch, yaml, mark, report);
	if (!root)
		return NULL;
	struct decode_options options = {.strict = true, .object = "Host"};
	struct Host *body = decode(arena, &type_Host, root, &options, report);
	if (!body)
		return NULL;
	struct mark *at = arena_make(arena, struct mark);
	*at = root->mark;
	struct loaded loaded = {.object = {.kind = KIND_HOST, .text = "Host", .host = body, .at = at}};
	struct loading loading = {.arena = arena, .report = report};
	shape_require(&loading, &loaded);
	shape_clean(&loaded);
	if (body->at[Host_apiVersion] && !is_text(body->apiVersion, "xensteer/v1"))
		report_error(
			report, body->at[Host_apiVersion], "Host", "write xensteer/v1", "unknown apiVersion");
	if (body->at[Host_kind] && !is_text(body->kind, "Host"))
		report_error(report, body->at[Host_kind], "Host", NULL, "kind: expected Host, found '%.60s'",
			body->kind);
	if (body->spec)
		paths_judge(report, body->spec);
	return body->spec;
}

struct HostSpec *host_settings(struct arena *arena, const char *path, struct report *report)
{
	struct HostSpec *host = NULL;
	if (path || access(default_path, F_OK) == 0) {
		struct text_file *file = arena_make(arena, struct text_file);
		struct mark mark = {.file = file};
		file->name = arena_text(arena, path ? path : default_path);
		file->path = file_absolute(arena, file->name);
		size_t errors = report_count(report, SEVERITY_ERROR);
		if (!owner_judge(report, &mark, file->name))
			return NULL;
		file->text = file_read(arena, file->name, YAML_FILE_LIMIT, &file->size);
		if (!file->text) {
			report_error(report, &mark, NULL, NULL, "cannot be read: %m");
			return NULL;
		}
		host = settings_decode(arena, file, &mark, report);
		if (!host || report_count(report, SEVERITY_ERROR) > errors)
			return NULL;
	} else {
		host = type_new(arena, &type_HostSpec);
	}
	settings_complete(arena, host);
	return host;
}
