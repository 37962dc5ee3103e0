// Where the session has ended meanwhile, the next question leads to the sign-in page and back again, not to silence.
(() => {
    const ask = window.fetch;
    window.fetch = async (...question) => {
        const answer = await ask.apply(window, question);
        if (answer.status === 401) {
            window.location.assign("/login?next=" + encodeURIComponent(window.location.pathname + window.location.search));
        }
        return answer;
    };
})();
