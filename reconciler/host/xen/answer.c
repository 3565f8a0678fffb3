/* Reading the word of a guest. It may be anything of any length: a kilobyte of it is read, one line of that
 * is kept, and only two texts mean something. */
#include "host/xen/answer.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_READ = 1024, WORDS_KEPT = 200 };

/* Printable, on one line; what was longer than is read says so. */
static const char *words_of(struct arena *arena, const char *text, bool cut)
{
	BUFFER_SCOPED words = {0};
	buffer_escaped(&words, text, strlen(text), WORDS_KEPT);
	if (cut)
		buffer_text(&words, " (more than 1024 bytes)");
	return arena_text(arena, buffer_string(&words));
}

static struct answer judge(struct arena *arena, const char *text)
{
	static const char error[] = "error:";
	const bool cut = strlen(text) > ANSWER_READ;
	if (strcmp(text, "done") == 0)
		return (struct answer){.answer = config_answer_done};
	if (text_starts(text, error)) {
		text += strlen(error);
		text += strspn(text, " ");
		return (struct answer){.answer = config_answer_error, .words = words_of(arena, text, cut)};
	}
	return (struct answer){.answer = config_answer_unclear, .words = words_of(arena, text, cut)};
}

struct answer answer_read(struct store *store, struct arena *arena, int64_t domid, bool scene)
{
	const long long number = (long long)domid;
	const char *text =
		store_read(store, arena, ANSWER_READ + 1, "/local/domain/%lld/data/xensteer/config", number);
	if (text && *text)
		return judge(arena, text);
	text = scene ? store_read(store, arena, ANSWER_READ + 1, "/local/domain/%lld/iso_attach", number)
		     : NULL;
	if (!text || !*text || strcmp(text, "1") == 0)
		return (struct answer){.answer = config_answer_none};
	if (strcmp(text, "2") == 0)
		return (struct answer){.answer = config_answer_done};
	return judge(arena, text);
}

int64_t answer_asked(struct store *store, const char *owner, const char *uuid, int64_t domid)
{
	ARENA_SCOPED arena = arena_new();
	const char *text = store_note(store, arena, owner, uuid, "asked");
	const char *space = text ? strchr(text, ' ') : NULL;
	if (!space || store_decimal(arena_copy(arena, text, (size_t)(space - text))) != domid)
		return -1;
	return store_decimal(space + 1);
}

bool answer_ask(struct store *store, const char *owner, const char *uuid, int64_t domid, int64_t now)
{
	char text[64];
	(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, domid, now);
	return store_set_note(store, owner, uuid, "asked", text);
}

bool answer_invite(struct store *store, int64_t domid)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = arena_format(arena, "/local/domain/%lld/iso_attach", (long long)domid);
	if (store_read(store, arena, 1, "%s", path))
		return true;
	return errno == ENOENT && store_offer(store, path, "1", domid);
}
